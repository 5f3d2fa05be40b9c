"""Draws each network beside its paper's figure: `python docs/pictures/draw_networks.py`.

Widths are those of the systems' defaults, so that a picture can't say other numbers than the code.
The colours: sound orange, pictures blue, what both share green, what is told pink, answers grey.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canvas import ANSWER, BOTH, PICTURES, SOUND, TOLD, Box, Canvas

from kavc.systems import registry

HERE = Path(__file__).parent


def cross_modal_embedding(config: Any) -> Canvas:
    """Figure 1 of Surís et al., and a branch of `improved` below it."""
    improved = type(config)(**config.PRESETS["improved"])
    canvas = Canvas(8.6, 5.95)
    canvas.text(0.25, 0.3, "paper", size=11, align="left", weight="bold")
    ends = []
    for y, colour, name, width, first, last in (
        (0.95, PICTURES, "pictures,\nmean over the video", config.visual_dim,
         config.visual_units_1_2, config.visual_units_3_4),
        (2.15, SOUND, "sound,\nmean over the video", config.audio_dim,
         config.audio_units_1_2, config.audio_units_3_4),
    ):  # fmt: skip
        features = canvas.box(1.05, y, f"{name}\n{width:,}", colour, width=1.6, height=0.75)
        hidden = canvas.box(
            3.0, y, f"4 × dense, ReLU\n{first:,} – {first:,} – {last} – {last}", colour, width=1.9
        )
        embedding = canvas.box(
            5.05, y, f"embedding {config.embedding_dim}\nunit length", colour, width=1.4
        )
        canvas.chain(features, hidden, embedding)
        ends.append(embedding)
    cosine = canvas.box(7.35, 0.95, "cosine:\ndo they belong together?", ANSWER, width=1.95)
    labels = canvas.box(
        7.35, 2.15, f"classifier, shared\n{config.classes:,} labels", BOTH, width=1.95
    )
    for end in ends:
        for answer in (cosine, labels):
            canvas.link(end.right, answer.left, at=6.05)
        canvas.dot((6.05, end.y))
    _canonical_branch(canvas, improved)
    return canvas


def _canonical_branch(canvas: Canvas, config: Any) -> None:
    canvas.text(0.25, 2.95, "improved", size=11, align="left", weight="bold")
    canvas.text(1.15, 2.95, "each branch; both meet as above", align="left")
    features = canvas.box(0.95, 4.45, "features of\nsound or pictures", BOTH, width=1.45)
    start = canvas.box(2.6, 4.45, "canonical\ncoordinates", TOLD, width=1.15)
    canvas.chain(features, start)
    canvas.frame(3.45, 3.2, 3.4, 1.5, f"{config.members} members like this one")
    hidden = canvas.box(
        4.55, 3.78, f"{config.depth} × (dense {config.units:,}, batch\nnorm, GELU, dropout)", BOTH,
        width=1.85, size=9,
    )  # fmt: skip
    out = canvas.box(6.05, 3.78, f"dense\n{config.embedding_dim}", BOTH, width=0.7)
    linear = canvas.box(
        4.55, 4.36, f"linear, {config.embedding_dim}", BOTH, width=1.85, height=0.36
    )
    total = canvas.box(6.6, 4.07, "+", BOTH, width=0.32, height=0.32, size=11)
    fourier = canvas.box(
        4.43, 5.25, f"Fourier features\n{config.kernel_features:,}", TOLD, width=1.6
    )
    directions = canvas.box(
        6.15, 5.25, f"canonical\ndirections {config.embedding_dim}", TOLD, width=1.2
    )
    canvas.text(3.45, 5.68, "kernel machine", align="left")
    joined = canvas.box(7.72, 4.45, "side by side,\neach of unit length", BOTH, width=1.45)
    for box in (hidden, linear, fourier):
        canvas.link(start.right, box.left, at=3.33)
    canvas.chain(hidden, out)
    canvas.line([out.right, (total.x, out.y), total.top])
    canvas.line([linear.right, (total.x, linear.y), total.bottom])
    canvas.link(total.right, joined.left, at=6.95)
    canvas.chain(fourier, directions)
    canvas.link(directions.right, joined.left, at=6.95)
    canvas.text(0.25, 5.45, "pink: fitted in closed form,\nnot trained", align="left")


def ti_avc(config: Any) -> Canvas:
    """Figure 1 of Su et al."""
    canvas = Canvas(8.6, 4.45)
    sound = canvas.box(0.9, 0.85, f"sound\n(time, {config.audio_dim})", SOUND)
    heard = canvas.box(
        2.75, 0.85, f"dense – LSTM –\nself-attention, {config.embedding_dim}", SOUND, width=1.85
    )
    frames = canvas.box(0.9, 2.3, f"key frames\n({config.frames}, {config.visual_dim:,})", PICTURES)
    seen = canvas.box(
        2.75, 2.3, f"dense {config.embedding_dim},\nshared by frames", PICTURES, width=1.85
    )
    repeated = canvas.box(2.75, 1.6, "repeated for each frame", SOUND, width=1.85, height=0.34)
    told = canvas.box(2.75, 3.85, f"true theme\n(1 of {config.themes})", TOLD, width=1.85)
    fusion = (
        f"fusion\n2 × Conv1D {config.filters}, kernel {config.kernel_size}\n"
        f"max-pool over frames\ndense {config.units}, dense "
    )
    theme = canvas.box(5.25, 1.25, f"{fusion}{config.themes}", BOTH, width=1.95, height=1.05)
    match = canvas.box(5.25, 3.1, f"{fusion}1", BOTH, width=1.95, height=1.05)
    canvas.text(5.25, 0.55, "theme learner", size=10, weight="bold")
    canvas.text(5.25, 3.82, "correspondence learner", size=10, weight="bold")
    predicted = canvas.box(7.6, 1.25, "predicted theme", ANSWER, width=1.3)
    answer = canvas.box(7.6, 3.1, "do they belong\ntogether?", ANSWER, width=1.3)
    canvas.chain(sound, heard)
    canvas.line([heard.bottom, repeated.top])
    canvas.chain(frames, seen)
    for embedded, at in ((repeated, 3.85), (seen, 4.0)):
        for learner, shift in ((theme, -0.15), (match, 0.0)):
            y = learner.y + shift + (0.15 if embedded is seen else 0.0)
            canvas.link(embedded.right, learner.left_at(y), at=at)
    canvas.link(told.right, match.left_at(3.4), at=4.0)
    canvas.chain(theme, predicted)
    canvas.chain(match, answer)
    canvas.line([predicted.bottom, (7.6, 2.2), (5.25, 2.2), match.top])
    canvas.text(6.5, 2.35, "as probabilities")
    return canvas


def av_parsing(config: Any) -> Canvas:
    """Figure 2 of Lamba et al., with HAN's place in it."""
    canvas = Canvas(8.6, 4.5)
    seconds, dim = config.segments, config.dim
    sound = canvas.box(0.85, 0.95, f"sound\n({seconds}, {config.audio_dim})", SOUND)
    frames = canvas.box(0.85, 2.3, f"frames\n({seconds}, {config.visual_dim:,})", PICTURES)
    clips = canvas.box(0.85, 3.0, f"clips\n({seconds}, {config.visual_3d_dim})", PICTURES)
    first = canvas.box(2.15, 0.95, f"FC {dim}", SOUND, width=0.95)
    pair = canvas.box(2.15, 2.65, "FC each,\njoined, FC", PICTURES, width=0.95, height=0.7)
    own = [
        canvas.box(3.4, y, "self-\nattention", colour, width=0.9)
        for y, colour in ((0.95, SOUND), (2.65, PICTURES))
    ]
    crossed = canvas.box(
        4.6, 1.8, "cross-modal\nattention:\neach asks\nthe other", BOTH, width=1.05, height=1.05
    )
    shared = canvas.box(5.6, 1.8, "shared\nFC", BOTH, width=0.65)
    total = canvas.box(6.33, 1.8, "add,\nnorm", BOTH, width=0.52)
    pooling = canvas.box(7.65, 1.8, "attentive\nMMIL pooling", BOTH, width=1.25)
    canvas.frame(2.8, 0.3, 3.9, 3.1, "HAN: one hybrid attention in place of all this")
    canvas.text(4.75, 3.2, "GCAA: each attention lets the whole video's mean in")
    canvas.chain(sound, first)
    canvas.link(frames.right, pair.left, at=1.53)
    canvas.link(clips.right, pair.left, at=1.53)
    for box, attention in zip((first, pair), own, strict=True):
        canvas.chain(box, attention)
        canvas.link(attention.right, crossed.left, at=3.95)
        above = attention.y < total.y
        end = total.top if above else total.bottom
        canvas.line([attention.right, (end[0], attention.y), end])
        canvas.text(5.2, attention.y + (-0.13 if above else 0.13), "skip connection")
    canvas.chain(crossed, shared, total, pooling)
    _answers_and_adversary(canvas, config, pooling)
    return canvas


def _answers_and_adversary(canvas: Canvas, config: Any, pooling: Box) -> None:
    answers = canvas.box(
        7.65, 0.75,
        f"{config.classes} probabilities of\neach second in sound\nand pictures, and of\nthe video",
        ANSWER, width=1.6, height=0.9, size=9,
    )  # fmt: skip
    canvas.line([pooling.top, answers.bottom])
    reversal = canvas.box(6.84, 3.95, "gradient reversal", TOLD, width=1.4, height=0.4)
    adversary = canvas.box(4.75, 3.95, "discriminator:\nsound or pictures?", TOLD, width=1.5)
    canvas.line([(6.84, 1.8), reversal.top], dashed=True)
    canvas.dot((6.84, 1.8))
    canvas.line([reversal.left, adversary.right], dashed=True)
    canvas.text(0.35, 3.95, "dashed: the adversary, in training alone", align="left")


def ms_vae(config: Any) -> Canvas:
    """Figure 1 of Zhu et al."""
    canvas = Canvas(8.6, 3.6)
    pair = config.visual_dim + config.audio_dim
    codes = f"{config.code_units} – {config.code_units}"
    lanes = (
        (0.85, SOUND, "a second\nof sound", config.audio_dim, "encoder a", codes),
        (2.75, PICTURES, "the same second\nof pictures", config.visual_dim, "encoder v",
         f"{config.visual_units} – {config.visual_units} – {codes}"),
    )  # fmt: skip
    samples = []
    for y, colour, name, width, encoder, widths in lanes:
        features = canvas.box(0.9, y, f"{name}\n{width}", colour, width=1.35, height=0.75)
        encode = canvas.box(2.6, y, f"{encoder}\n{widths}", colour, width=1.65)
        gaussian = canvas.box(4.15, y, "mean,\nvariance", colour, width=0.95)
        sample = canvas.box(5.25, y, f"sample\n{config.latent_dim}", colour, width=0.8)
        canvas.chain(features, encode, gaussian, sample)
        samples.append(sample)
    middle = canvas.box(
        5.25, 1.8, "W: both alike\n(Wasserstein)", TOLD, width=1.2, height=0.5, size=9
    )
    canvas.line([samples[0].bottom, middle.top])
    canvas.line([samples[1].top, middle.bottom])
    units = config.decoder_units
    decoder = canvas.box(
        6.95, 1.8, f"decoder p, shared\n{units} – {units} – {units}\n– {pair} – {pair} – {pair}",
        BOTH, width=1.6, height=0.8,
    )  # fmt: skip
    for sample in samples:
        x, (_, y) = decoder.x - 0.4, decoder.top if sample.y < decoder.y else decoder.bottom
        canvas.line([sample.right, (x, sample.y), (x, y)])
    answer = canvas.box(7.6, 0.72, "the pair, from\neither of them", ANSWER, width=1.3)
    canvas.line([(7.4, decoder.top[1]), (7.4, answer.bottom[1])])
    canvas.text(0.3, 1.8, "No encoder sees both: each\nmust tell what the other has.",
                align="left")  # fmt: skip
    return canvas


def music_match(config: Any) -> Canvas:
    """Figure 4 of Langlois, and the symmetric head below it."""
    canvas = Canvas(8.6, 5.4)
    canvas.text(0.25, 0.3, "paper", size=11, align="left", weight="bold")
    inputs = (
        ("a frame", "ResNet-50", config.visual_row, PICTURES),
        ("flow between 11 frames", "ResNet-50", config.flow_row, PICTURES),
        ("track a", "VGGish", config.audio_row, SOUND),
        ("track b", "VGGish", config.audio_row, SOUND),
    )
    hidden = canvas.box(
        5.4, 1.8, f"side by side;\nhidden layer\n{config.units}, ReLU", BOTH, width=1.25, height=0.8
    )
    for at, (name, network, row, colour) in enumerate(inputs):
        y = 0.75 + 0.7 * at
        media = canvas.box(1.1, y, name, colour, width=1.7, height=0.46)
        made = canvas.box(3.1, y, f"{network}, {int(row):,}", colour, width=1.65, height=0.46)
        canvas.chain(media, made)
        canvas.link(made.right, hidden.left, at=4.35)
    canvas.line([(3.1, 2.38), (3.1, 2.62)], head=False)
    canvas.text(3.18, 2.5, "the same network", align="left", size=8.5)
    answer = canvas.box(7.35, 1.8, "logit: a fits\nbetter than b", ANSWER, width=1.4)
    canvas.chain(hidden, answer)
    _symmetric_head(canvas, config)
    return canvas


def _symmetric_head(canvas: Canvas, config: Any) -> None:
    improved = type(config)(**config.PRESETS["improved"])
    canvas.text(0.25, 3.5, "improved", size=11, align="left", weight="bold")
    given = f"{improved.components} principal components of each stream"
    canvas.text(1.15, 3.5, f"symmetric head; {given}", align="left")
    scores = []
    video = canvas.box(1.05, 4.5, "video", PICTURES, width=0.95, height=0.46)
    for y, name in ((4.1, "a"), (4.9, "b")):
        track = canvas.box(2.6, y, f"track {name}", SOUND, width=0.95, height=0.46)
        hidden = canvas.box(4.35, y, f"hidden layer {improved.units}", BOTH, width=1.5, height=0.46)
        score = canvas.box(6.05, y, f"s(video, {name})", BOTH, width=1.15, height=0.46)
        canvas.chain(track, hidden, score)
        scores.append(score)
    canvas.line([video.right, (3.3, 4.5)], head=False)
    canvas.line([(3.3, 4.1), (3.3, 4.9)], head=False)
    canvas.dot((3.3, 4.5))
    canvas.text(4.35, 4.5, "the same weights", size=8.5)
    answer = canvas.box(7.55, 4.5, "difference:\nthe logit", ANSWER, width=1.2)
    for score in scores:
        canvas.link(score.right, answer.left)


DRAWINGS: dict[str, Callable[[Any], Canvas]] = {
    "av-parsing": av_parsing,
    "cross-modal-embedding": cross_modal_embedding,
    "ms-vae": ms_vae,
    "music-match": music_match,
    "ti-avc": ti_avc,
}


def main() -> None:
    """Writes `network-SYSTEM.svg` of every system."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    out = parser.parse_args().out
    for name, draw in DRAWINGS.items():
        draw(registry.get(name).Config()).save(out / f"network-{name}.svg")


if __name__ == "__main__":
    main()
