"""What a further system takes, in short: which theme does a sound have?"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.data.layouts import View
from kavc.data.schema import Field
from kavc.errors import DataError
from kavc.evaluation import Column, Headline, Report, Table
from kavc.layers import LengthMask, MaskedGlobalAveragePooling1D
from kavc.layers.network import Network, sequence_input
from kavc.options import option
from kavc.serving.input_checks import check_batch, check_finite, check_range
from kavc.systems.base import Paper, Row, Signature, Stage, System
from kavc.systems.choices import Choices
from kavc.systems.config import Config


@dataclass(frozen=True)
class MadeUpConfig(Config):
    themes: int = option(2, "number of themes", low=1)
    audio_dim: int = option(3, "width of the features", low=1)
    units: int = option(16, "width of the hidden layer", low=1)
    epochs: int = option(9, "most epochs", low=1)


@keras.saving.register_keras_serializable(package="kavc-tests")
class ThemeOfSound(Network):
    def __init__(self, themes, audio_dim, units, dtype="float32", name="theme"):
        policy = keras.dtype_policies.get(dtype)
        inputs = sequence_input(audio_dim, name="audio", dtype=policy.compute_dtype)
        mask = LengthMask()(inputs["audio_length"], inputs["audio"])
        x = MaskedGlobalAveragePooling1D(dtype=policy)(inputs["audio"], mask=mask)
        x = keras.layers.Dense(units, "tanh", dtype=policy)(x)
        x = keras.layers.Dense(themes, "softmax", dtype=policy.variable_dtype)(x)
        config = {"themes": themes, "audio_dim": audio_dim, "units": units}
        super().__init__(inputs, {"theme": x}, config=config, dtype=policy, name=name)


class ThemeStage(Stage):
    name, monitor, direction = "theme", "val_accuracy", "max"

    def __init__(self, config):
        self.epochs = config.epochs

    def trainee(self, network):
        return network

    def compile_arguments(self):
        return {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}

    def dataset(self, examples, epoch, seed):
        turn = seed if epoch is None else seed + tf.cast(epoch, tf.int32)  # stands for a shuffle
        videos = examples.map(lambda x: x | {"audio_length": tf.shape(x["audio"])[0]})
        batches = videos.padded_batch(20).map(lambda x: (x, x["theme"]))
        batches = batches.map(lambda *x: tf.nest.map_structure(lambda y: tf.roll(y, turn, 0), x))
        return batches.apply(tf.data.experimental.assert_cardinality(1))


class MadeUpSystem(System):
    name, summary, Config = "made-up", "which theme does a sound have?", MadeUpConfig
    paper = Paper("None", "N. N.", 2026, "https://example.org", "none", {"1": {"mean": 0.5}})

    def examples(self, config):
        audio = Field((None, config.audio_dim), "float32", "features, one step a second")
        return {"audio": audio, "theme": Field((), "int32", "index of the theme")}

    def view(self, config):
        return View({"audio": "audio"}, theme=True)

    def adapt(self, config, info):
        return config.replace(themes=len(info.classes), audio_dim=info.widths["audio"])

    def check_split(self, split, roster, config):
        if len(roster) < 2:
            raise DataError(f"split {split!r}: {len(roster)} videos; at least 2 are needed")

    def build(self, config):
        return ThemeOfSound(config.themes, config.audio_dim, config.units)

    def stages(self, config):
        return [ThemeStage(config)]

    def evaluate(self, network, source, config):
        ((inputs, theme),) = ThemeStage(config).dataset(self.read(source, "test", config), None, 0)
        share = float(np.mean(np.argmax(network(inputs)["theme"], axis=1) == theme))
        table = Table("share", [Column("share", ".2f")], [[share]])
        return Report("Themes", Headline("accuracy", share, "max"), [table])

    def signatures(self, network, config, assets=None):
        def theme(audio, audio_length):
            check_batch({"audio": audio, "audio_length": audio_length})
            steps = tf.shape(audio)[1]
            check_range("audio_length", audio_length, 0, steps)
            check_finite("audio", tf.boolean_mask(audio, tf.sequence_mask(audio_length, steps)))
            return network({"audio": audio, "audio_length": audio_length}, training=False)

        length = Field((), "int32", "number of valid steps; 0 for none")
        inputs = {"audio": self.examples(config)["audio"], "audio_length": length}
        outputs = {"theme": Field((config.themes,), "float32", "probability of each theme")}
        return {"serving_default": Signature(theme, inputs, outputs, "Which theme has it?")}

    def rows(self, config):
        return [Row("mean", {}, 0.5)]

    def search_space(self, hp, config):
        choices = Choices(hp, config)
        choices.one_of("units", 2, 32)
        return choices.config()
