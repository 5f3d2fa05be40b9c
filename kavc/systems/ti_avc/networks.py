"""The networks of Ti-AVC, beside Figure 1 of the paper.

                     audio (time, 128)                  visual (frames, 1280)
                            |                                    |
               dense - LSTM - self-attention             dense, shared by frames
                            | 128, repeated                      | frames x 128
                            +----------------+-------------------+
                                             |
      theme learner          fusion: 2 x Conv1D - max-pool - 2 x dense  ->  predicted theme
                                             |
      correspondence learner   the same, also over predicted and true theme  ->  match

Every network answers with logits, which rank without the ties of saturated sigmoids.

Reference:
    Su et al., "Themes Informed Audio-Visual Correspondence Learning", 2020, arXiv 2009.06573.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.network import Network, sequence_input
from kavc.systems.ti_avc.sizes import doubled_fusion
from kavc.systems.ti_avc.subnetworks import (
    audio_network,
    check_choice,
    fusion_network,
    visual_network,
)

PREDICTED_THEME = ("probabilities", "logits", "onehot")


def _video_inputs(audio_dim, visual_dim, policy):
    dtype = policy.variable_dtype
    return sequence_input(audio_dim, name="audio", dtype=dtype) | sequence_input(
        visual_dim, name="visual", dtype=dtype
    )


def embedding_inputs(audio_dim, visual_dim, policy):
    """Returns the inputs of what follows both single-modality sub-networks, by name.

    Example:
        >>> inputs = embedding_inputs(128, 64, keras.dtype_policies.get("mixed_bfloat16"))
        >>> inputs["visual_embedding"].shape, inputs["audio_embedding"].dtype
        ((None, None, 64), 'bfloat16')
    """
    dtype = policy.compute_dtype
    return {
        "audio_embedding": keras.Input((audio_dim,), dtype=dtype, name="audio_embedding"),
        "visual_embedding": keras.Input((None, visual_dim), dtype=dtype, name="visual_embedding"),
        "visual_length": keras.Input((), dtype="int32", name="visual_length"),
    }


def embeddings(network, inputs):
    """Applies both single-modality sub-networks of `network` to `inputs`, by name.

    Returns:
        dict of "audio_embedding" `(batch, dim)`, "visual_embedding" `(batch, frames, dim)` and
        "visual_length" `(batch,)`.

    Reference:
        Su et al., 2020, section 4.2.

    Example:
        >>> network = ThemeLearner(themes=3, audio_dim=4, visual_dim=5)
        >>> found = embeddings(network, network.input)
        >>> found["audio_embedding"].shape, found["visual_embedding"].shape
        ((None, 128), (None, None, 128))
    """
    names = ("audio", "audio_length"), ("visual", "visual_length")
    audio, visual = ({name: inputs[name] for name in group} for group in names)
    return {
        "audio_embedding": network.audio_network(audio),
        "visual_embedding": network.visual_network(visual),
        "visual_length": inputs["visual_length"],
    }


@keras.saving.register_keras_serializable(package="kavc")
class ThemeLearner(Network):
    """Theme learner (TL): which theme do the sound and the frames convey together?

    Args:
        themes: int. Number of themes; 19 industry categories in the paper.
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the visual features; 1280 for pooled MobileNetV2.
        audio, visual, fusion: dicts of further arguments of `audio_network`, `visual_network`
            and `fusion_network`.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio" `(batch, time, audio_dim)`, "visual"
            `(batch, frames, visual_dim)`, and, where they vary, "audio_length" and
            "visual_length", `(batch,)` int32.

    Returns:
        Theme logits, `(batch, themes)`.

    Example:
        model = ThemeLearner(themes=19)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    Reference:
        Su et al., 2020, section 4.2.
    """

    def __init__(
        self,
        themes=19,
        audio_dim=128,
        visual_dim=1280,
        *,
        audio=None,
        visual=None,
        fusion=None,
        dtype=None,
        name="theme_learner",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        self.audio_network = audio_network(audio_dim, **audio or {}, dtype=policy)
        self.visual_network = visual_network(visual_dim, **visual or {}, dtype=policy)
        self.fusion_network = fusion_network(
            themes,
            self.audio_network.output.shape[-1],
            self.visual_network.output.shape[-1],
            **fusion or {},
            dtype=policy,
        )

        # === Graph ===
        inputs = _video_inputs(audio_dim, visual_dim, policy)
        super().__init__(
            inputs,
            self.fusion_network(embeddings(self, inputs)),
            config={
                "themes": themes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "audio": audio,
                "visual": visual,
                "fusion": fusion,
            },
            dtype=policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="kavc")
class CorrespondenceLearner(Network):
    """Correspondence learner (CL): given how the theme is presented, do both belong together?

    Args:
        themes: int. Number of themes.
        audio_dim, visual_dim: int. Widths of the theme learner's embeddings.
        fusion: dict of further arguments of `fusion_network`.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio_embedding" `(batch, audio_dim)`, "visual_embedding"
            `(batch, frames, visual_dim)`, "visual_length" `(batch,)` int32, "predicted_theme"
            `(batch, themes)` and the true "theme", `(batch,)` int32.

    Returns:
        dict of "match": logits, `(batch, 1)`.

    Reference:
        Su et al., 2020, section 4.2.

    Example:
        >>> network = CorrespondenceLearner(themes=3, audio_dim=8, visual_dim=8)
        >>> network.input["predicted_theme"].shape, network.output["match"].shape
        ((None, 3), (None, 1))
    """

    def __init__(
        self,
        themes=19,
        audio_dim=128,
        visual_dim=128,
        *,
        fusion=None,
        dtype=None,
        name="correspondence_learner",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        compute = policy.compute_dtype
        # === Layers ===
        self.fusion_network = fusion_network(
            1, audio_dim, visual_dim, theme_widths=(themes, themes), **fusion or {}, dtype=policy
        )

        # === Graph ===
        embeddings = embedding_inputs(audio_dim, visual_dim, policy)
        predicted = keras.Input((themes,), dtype=compute, name="predicted_theme")
        theme = keras.Input((), dtype="int32", name="theme")
        true = ops.one_hot(theme, themes, dtype=compute)
        match = self.fusion_network(embeddings | {"theme_0": predicted, "theme_1": true})
        super().__init__(
            embeddings | {"predicted_theme": predicted, "theme": theme},
            {"match": match},
            config={
                "themes": themes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "fusion": fusion,
            },
            dtype=policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="kavc")
class TiAVC(Network):
    """Ti-AVC: a theme learner, and on its embeddings and its answer a correspondence learner.

    Trained in two stages, the theme learner frozen in the second, it is the paper's "Ti-AVC".

    Args:
        themes, audio_dim, visual_dim, audio, visual, fusion, dtype, name: as `ThemeLearner`;
            `fusion` shapes both fusion sub-networks ("similar architecture").
        match_fusion: dict of arguments of the correspondence learner's fusion alone.
        predicted_theme: how the predicted theme enters: "probabilities", "logits" or "onehot".
        stop_gradient: bool. Whether the match loss stays out of the theme learner's answer.

    Call arguments:
        inputs: as `ThemeLearner`, and "theme" `(batch,)` int32, the true theme of the frames.

    Returns:
        dict of "match" `(batch, 1)` and "theme" `(batch, themes)`, logits.

    Reference:
        Su et al., 2020, Figure 1.

    Example:
        >>> network = TiAVC(themes=19)
        >>> network.count_params(), network.output["match"].shape, network.output["theme"].shape
        (674324, (None, 1), (None, 19))
    """

    def __init__(
        self,
        themes=19,
        audio_dim=128,
        visual_dim=1280,
        *,
        audio=None,
        visual=None,
        fusion=None,
        match_fusion=None,
        predicted_theme="probabilities",
        stop_gradient=False,
        dtype=None,
        name="ti_avc",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        self.theme_learner = ThemeLearner(
            themes, audio_dim, visual_dim, audio=audio, visual=visual, fusion=fusion, dtype=policy
        )
        self.correspondence_learner = CorrespondenceLearner(
            themes,
            self.theme_learner.audio_network.output.shape[-1],
            self.theme_learner.visual_network.output.shape[-1],
            fusion={**(fusion or {}), **(match_fusion or {})},
            dtype=policy,
        )

        # === Graph ===
        inputs = _video_inputs(audio_dim, visual_dim, policy)
        inputs["theme"] = keras.Input((), dtype="int32", name="theme")
        super().__init__(
            inputs,
            correspondence(
                self.theme_learner.fusion_network,
                self.correspondence_learner,
                embeddings(self.theme_learner, inputs),
                inputs["theme"],
                predicted_theme=predicted_theme,
                stop_gradient=stop_gradient,
            ),
            config={
                "themes": themes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "audio": audio,
                "visual": visual,
                "fusion": fusion,
                "match_fusion": match_fusion,
                "predicted_theme": predicted_theme,
                "stop_gradient": stop_gradient,
            },
            dtype=policy,
            name=name,
        )


def predicted_theme_input(logits, form="probabilities"):
    """How a predicted theme enters the correspondence learner.

    Args:
        logits: `(batch, themes)`.
        form: "probabilities", "logits" or "onehot".

    Returns:
        `(batch, themes)`.

    Reference:
        Su et al., 2020, section 4.2, which doesn't say how.

    Example:
        >>> logits = ops.convert_to_tensor([[0.0, 200.0], [1.0, 1.0]])
        >>> ops.convert_to_numpy(predicted_theme_input(logits)).tolist()
        [[0.0, 1.0], [0.5, 0.5]]
        >>> ops.convert_to_numpy(predicted_theme_input(logits, "onehot")).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    check_choice("predicted_theme", form, PREDICTED_THEME)
    if form == "probabilities":
        return ops.softmax(logits)
    if form == "onehot":
        return ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1])
    return logits


def correspondence(
    theme_fusion, correspondence_learner, embedded, theme, *, predicted_theme, stop_gradient
):
    """Applies the theme learner's fusion, and on its answer the correspondence learner.

    Args:
        theme_fusion: the theme learner's fusion sub-network.
        correspondence_learner: `CorrespondenceLearner`.
        embedded: dict as `embeddings` returns it.
        theme: `(batch,)` int32, the true theme.
        predicted_theme, stop_gradient: as `TiAVC`.

    Returns:
        dict of "match" `(batch, 1)` and "theme" `(batch, themes)`, logits.

    Reference:
        Su et al., 2020, section 4.2.
    """
    logits = theme_fusion(embedded)
    predicted = ops.stop_gradient(logits) if stop_gradient else logits
    predicted = predicted_theme_input(predicted, predicted_theme)
    predicted = ops.cast(predicted, correspondence_learner.compute_dtype)
    match = correspondence_learner(embedded | {"predicted_theme": predicted, "theme": theme})
    return {"match": match["match"], "theme": logits}


@keras.saving.register_keras_serializable(package="kavc")
class JointTiAVC(TiAVC):
    """Joint Ti-AVC: the graph of `TiAVC`, both of its parts trained at once on pairs.

    Compile it with a loss for each of the outputs, "match" and "theme". Arguments, inputs and
    outputs are those of `TiAVC`.

    Reference:
        Su et al., 2020, section 5.1.

    Example:
        model = JointTiAVC(themes=19)
        model.compile(
            "adam",
            {
                "match": keras.losses.BinaryCrossentropy(from_logits=True),
                "theme": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            },
        )
    """

    def __init__(self, *args, name="joint_ti_avc", **kwargs):
        super().__init__(*args, name=name, **kwargs)


class _Baseline(Network):
    sees_theme: bool

    def __init__(
        self,
        themes=19,
        audio_dim=128,
        visual_dim=1280,
        *,
        audio=None,
        visual=None,
        fusion=None,
        doubling="matched",
        dtype=None,
        name=None,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        self.audio_network = audio_network(audio_dim, **audio or {}, dtype=policy)
        self.visual_network = visual_network(visual_dim, **visual or {}, dtype=policy)
        widths = [sub.output.shape[-1] for sub in (self.audio_network, self.visual_network)]
        theme_widths = (themes,) if self.sees_theme else ()
        doubled = doubled_fusion(
            sum(widths), themes, theme_widths, doubling=doubling, **fusion or {}
        )
        self.fusion_network = fusion_network(
            1, *widths, theme_widths=theme_widths, **(fusion or {}) | doubled, dtype=policy
        )

        # === Graph ===
        inputs = _video_inputs(audio_dim, visual_dim, policy)
        fused = embeddings(self, inputs)
        if self.sees_theme:
            inputs["theme"] = keras.Input((), dtype="int32", name="theme")
            fused["theme_0"] = ops.one_hot(inputs["theme"], themes, dtype=policy.compute_dtype)
        super().__init__(
            inputs,
            {"match": self.fusion_network(fused)},
            config={
                "themes": themes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "audio": audio,
                "visual": visual,
                "fusion": fusion,
                "doubling": doubling,
            },
            dtype=policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="kavc")
class Baseline1(_Baseline):
    """Baseline-1: the theme learner's graph with a doubled fusion and the match for its task.

    Args:
        themes, audio_dim, visual_dim, audio, visual, fusion, dtype, name: as `ThemeLearner`.
            `themes` only decides how many parameters are to be matched.
        doubling: how "the number of all trainable layers in the fusion sub-network" is doubled:
            "matched", twice the depth with the filters that come nearest to the size of `TiAVC`;
            "depth", twice the depth at the same filters; "parallel", two copies side by side.

    Returns:
        dict of "match": logits, `(batch, 1)`.

    Reference:
        Su et al., 2020, section 5.1.

    Example:
        >>> Baseline1(themes=19).count_params()  # TiAVC(themes=19) has 674,324
        674726
    """

    sees_theme = False

    def __init__(self, *args, name="baseline_1", **kwargs):
        super().__init__(*args, name=name, **kwargs)


@keras.saving.register_keras_serializable(package="kavc")
class Baseline2(_Baseline):
    """Baseline-2: `Baseline1` with the true "theme", `(batch,)` int32, into its fusion.

    Arguments and outputs are those of `Baseline1`.

    Reference:
        Su et al., 2020, section 5.1.

    Example:
        >>> Baseline2(themes=19).count_params(), "theme" in Baseline2(themes=3, audio_dim=4).input
        (675851, True)
    """

    sees_theme = True

    def __init__(self, *args, name="baseline_2", **kwargs):
        super().__init__(*args, name=name, **kwargs)
