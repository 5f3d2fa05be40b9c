"""What arrays look like: each rule on features that fit and on some that don't, and real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kavc.data.likeness import candidates, judge, modality_of
from kavc.data.published_statistics import FAMILIES, KINDS
from kavc.data.statistics import ArrayStatistics, measure

ROWS = 400


def draws(seed=0):
    return np.random.default_rng(seed)


def bare(width=128):
    """As VGGish without ReLU: columns with means of their own, 63 % of the values negative."""
    draw = draws()
    return draw.normal(-0.157, 0.3, width) + draw.normal(0, 0.347, (ROWS, width))


def whitened(std, width=128):
    return draws().normal(0, std, (ROWS, width))


def quantised(values):
    """(0 to 255) of what lies within -2 and 2, as VGGish's post-processing has it."""
    return np.floor((np.clip(values, -2, 2) + 2) * 255 / 4)


def mapped(bytes_):
    return bytes_ * (4 / 255) + (4 / 512 - 2)


def rectified(mean, std, zeros, width):
    """Gamma values of that mean and deviation, so many of them zero."""
    draw = draws()
    inner = mean / (1 - zeros)
    variance = (std**2 + mean**2) / (1 - zeros) - inner**2
    scale = 0.5**0.5  # half of the variance is between the columns
    columns = draw.gamma(inner**2 / (variance / 2), variance / 2 / inner, width)
    values = columns + scale * variance**0.5 * draw.uniform(-1, 1, (ROWS, width))
    return np.abs(values) * (draw.random((ROWS, width)) >= zeros)


def means_of(values):
    return values.reshape(ROWS // 8, 8, -1).mean(axis=1)


RELU = np.maximum(bare(), 0)
LIKE = {
    "VGGish with the ReLU": ("audio", RELU),
    "means over time of VGGish with its ReLU": ("audio", means_of(RELU)),
    "VGGish without ReLU": ("audio", bare()),
    "VGGish after PCA, quantised and mapped back": ("audio", mapped(quantised(whitened(1)))),
    "VGGish after PCA, quantised, mapped back without": (
        "audio", quantised(whitened(1)) * 4 / 255 - 2
    ),
    "VGGish after PCA, bytes that were not mapped": ("audio", quantised(whitened(1))),
    "means over time of VGGish's bytes": ("audio", means_of(quantised(whitened(1)))),
    "VGGish after PCA, clipped": ("audio", np.clip(whitened(1), -2, 2)),
    "VGGish after PCA, neither": ("audio", whitened(1.7)),
    "means over time of VGGish after PCA": ("audio", np.clip(whitened(0.5), -1.9, 2)),
    "YAMNet": ("audio", rectified(0.027, 0.14, 0.88, 1024)),
    "musicnn": ("audio", draws().gamma(0.8, 0.6, (ROWS, 200)) - 0.35),
    "YouTube-8M's rgb: Inception": ("rgb", mapped(quantised(whitened(1, 1024)))),
    "YouTube-8M's rgb, quantised, mapped back without": (
        "rgb", quantised(whitened(1, 1024)) * 4 / 255 - 2
    ),
    "YouTube-8M's rgb as bytes": ("rgb", quantised(whitened(1, 1024))),
    "means over time of YouTube-8M's rgb as bytes": ("rgb", means_of(quantised(whitened(1, 1024)))),
    "means over time of Inception": ("visual", np.clip(whitened(0.46, 1024), -1.9, 2)),
    "Inception after YouTube-8M's PCA, neither": ("visual", whitened(0.6, 1024)),
    "I3D": ("visual", rectified(0.19, 0.23, 0.01, 1024)),
    "MobileNetV2": ("visual", np.minimum(rectified(0.4, 0.6, 0.28, 1280), 6)),
    "a ResNet": ("visual", rectified(0.45, 0.45, 0.002, 2048)),
    "Inception's pool_3": ("visual", rectified(0.13, 0.41, 0.26, 2048)),
    "R(2+1)D-18": ("visual_3d", rectified(0.73, 0.62, 0, 512)),
}  # fmt: skip


@pytest.mark.parametrize("name", LIKE)
def test_each_kind_is_told_by_features_like_it_and_no_other_fits(name):
    array, values = LIKE[name]
    verdict = judge(measure(array, values))
    fitting = [k.name for k in KINDS if k.name in verdict.kinds and k.known]
    assert len(fitting) == 1 and fitting[0].startswith(name), verdict.looks
    assert verdict.looks.startswith(f"looks like {fitting[0]}")


def test_every_kind_of_which_something_is_known_has_such_features():
    known = [kind.name for kind in KINDS if kind.known]
    assert [name for name in known if not any(map(name.startswith, LIKE))] == []
    assert {kind.family for kind in KINDS} == set(FAMILIES)


@pytest.mark.parametrize(
    ("array", "values", "words"),
    [
        ("audio", whitened(1), "unlike any that is known, 128 wide"),
        ("visual", whitened(1, 1280), "unlike any that is known, 1280 wide"),
        ("audio", RELU * 10, "nearest: VGGish with the ReLU"),
        ("audio", RELU + 0.1, "zeros 0 %, at least 45 % expected"),
        ("visual", -rectified(0.45, 0.45, 0.002, 2048), "minimum"),
        ("visual", rectified(0.4, 0.6, 0.28, 1280) * 20, "maximum"),
        ("visual", rectified(0.45, 0.45, 0.002, 2048) * 10, "mean 4."),
    ],
)
def test_others_are_unlike(array, values, words):
    verdict = judge(measure(array, values))
    assert verdict.kinds == () and verdict.fits is None
    assert verdict.looks.startswith("unlike any that is known") and words in verdict.looks
    assert "expected" in verdict.looks


def test_what_is_excluded_by_nothing_is_not_claimed():
    verdict = judge(measure("visual", rectified(0.05, 0.1, 0.3, 512)))
    assert verdict.looks.startswith("may be VGG-16's or VGG-19's pool5 or ResNet-18")
    assert "no statistics are known" in verdict.looks
    swish = judge(measure("visual", rectified(0.2, 0.3, 0, 1280) - 0.27))
    assert swish.looks.startswith("may be EfficientNet-B0")
    both = judge(measure("visual", rectified(0.73, 0.62, 0, 512))).looks
    assert "nothing excludes VGG-16's" in both


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((0, 128)), "no rows"),
        (np.zeros((9, 128)), "nothing but 0"),
        (np.eye(128), "marks, 0 or 1"),
        (RELU / np.linalg.norm(RELU, axis=1, keepdims=True), "rows of length 1: normalised"),
        (np.ones((9, 7)) * np.arange(7), "audio 7 wide: none that is known is, but 128, 200 or"),
        (quantised(whitened(1, 200)), "whole numbers from 0 to 255: bytes"),
        (RELU[:5], "(of 5 rows alone)"),
    ],
)
def test_what_can_not_be_compared_says_so(values, words):
    assert words in judge(measure("audio", values)).looks


@pytest.mark.parametrize(
    ("name", "modality"),
    [("audio", "audio"), ("rgb", "visual"), ("video_sound", ""), ("x", ""), ("res152", "visual"),
     ("VGGish", "audio")],
)  # fmt: skip
def test_names_tell_what_is_heard_and_seen(name, modality):
    assert modality_of(name) == modality
    kinds = {kind.modality for kind in candidates(ArrayStatistics(name, 1024))}
    assert kinds == ({modality} if modality else {"audio", "visual"})


def test_standardised_columns_are_noted():
    (note,) = judge(measure("audio", whitened(1))).notes
    assert "standardised or whitened, or random numbers" in note
    assert judge(measure("audio", bare())).notes == ()


def test_pca_of_vggish_with_its_relu_is_noted():
    """More lies at the ends than of what its parameters whiten."""
    for values, count in ((whitened(1), 0), (whitened(1.7), 1)):
        notes = judge(measure("audio", mapped(quantised(values)))).notes
        assert (
            len([note for note in notes if "PCA was given VGGish with its ReLU" in note]) == count
        )


def test_pictures_that_were_not_scaled_are_noted():
    """Then the rows of MobileNetV2 hardly differ; so they do in one video alone."""
    own = np.minimum(rectified(0.4, 0.6, 0.28, 1280), 6)
    same = np.minimum(own[:1] * draws(1).uniform(0.8, 1.2, own.shape), 6)
    for values, videos, count in ((own, 50, 0), (same, 50, 1), (same, 1, 0)):
        notes = judge(measure("visual", values, videos=videos)).notes
        assert len([note for note in notes if "x/127.5 - 1 was forgotten" in note]) == count


@pytest.mark.parametrize(("hop", "count"), [(0.96, 0), (1.0, 0), (None, 0), (0.32, 1), (0.975, 1)])
def test_hops_of_vggish(hop, count):
    notes = judge(replace(measure("audio", RELU), hop=hop)).notes
    assert len([note for note in notes if "VGGish has 0.96 s" in note]) == count


@pytest.mark.parametrize(
    ("values", "extractor", "fits", "words"),
    [
        (RELU, "VGGish", True, "made by VGGish: fits"),
        (RELU, "torchvggish 0.1", True, "fits"),
        (RELU, "VGG-19", False, "does not fit, VGG is 512 wide"),
        (RELU, "resnet50", False, "ResNet is 512 or 2048 wide"),
        (RELU * 10, "vggish", False, "does not fit (VGGish with the ReLU of 2017 to 2020"),
        (RELU * 0, "vggish", None, "made by vggish: not to be told from these"),
        (RELU, "mynet", None, "made by mynet, of which nothing is known here"),
        (RELU, "", None, ""),
    ],
)
def test_what_the_data_say(values, extractor, fits, words):
    verdict = judge(measure("audio", values), extractor)
    assert verdict.fits is fits and (words in verdict.said if words else not verdict.said)


def test_a_meaning_is_asked_where_no_extractor_is_named():
    found = replace(measure("audio", RELU), meaning="VGGish before its PCA, one vector a second")
    assert judge(found).fits is True
    assert judge(found).said == "said to be VGGish before its PCA, one vector a second: fits"
    assert judge(replace(found, meaning="audio features")).said == ""


# === Real features ===
def npz(shared, name):
    with np.load(shared / name, allow_pickle=False) as file:
        return dict(file)


def test_real_vggish_with_its_relu(shared):
    clip = npz(shared, "data/clips/reference/v_GGSY1Qvo990.npz")["vggish"]
    assert judge(measure("audio", clip)).kinds == (KINDS[0].name,)


def test_real_vggish_of_ave_through_each_step(shared):
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared / "data/ave/audio_feature_noisy.h5", "r") as file:
        videos = file["avadataset"][:]
    rows = videos.reshape(-1, 128)
    pca = npz(shared, "data/weights/vggish_pca_params.npz")
    z = (rows - pca["pca_means"].reshape(-1)) @ pca["pca_eigen_vectors"].T
    steps = {
        "VGGish with the ReLU": rows,
        "means over time of VGGish with": videos.mean(axis=1),
        "VGGish after PCA, neither": z,
        "VGGish after PCA, clipped": np.clip(z, -2, 2),
        "VGGish after PCA, bytes": quantised(z),
        "VGGish after PCA, quantised and mapped": mapped(quantised(z)),
    }
    for name, values in steps.items():
        found = judge(measure("audio", values))
        assert len(found.kinds) == 1 and found.kinds[0].startswith(name), found.looks
    assert (
        "PCA was given VGGish with its ReLU"
        in judge(measure("audio", mapped(quantised(z)))).notes[0]
    )


def test_the_published_pca_tells_of_vggish_without_relu(shared):
    """Normal values of its means and its covariance are taken for what they are of."""
    pca = npz(shared, "data/weights/vggish_pca_params.npz")
    back = np.linalg.inv(pca["pca_eigen_vectors"])
    rows = draws().normal(size=(2000, 128)) @ back.T + pca["pca_means"].reshape(-1)
    found = measure("audio", rows)
    assert judge(found).kinds[0].startswith("VGGish without ReLU")
    assert (found.mean, found.std, found.negative) == pytest.approx((-0.157, 0.459, 0.63), abs=0.01)


def test_real_golden_bytes(shared):
    golden = npz(shared, "golden/vggish_frontend.npz")
    for name, kind in {
        "uint8": "VGGish after PCA, bytes", "rounded_variant": "VGGish after PCA, bytes",
        "yt8m_dequantised": "VGGish after PCA, quantised and mapped", "pca_float":
        "VGGish after PCA, neither",
    }.items():  # fmt: skip
        real = golden[f"post/{name}"][20:]  # the first 20 are made up
        (found,) = judge(measure("audio", real)).kinds
        assert found.startswith(kind)


@pytest.mark.parametrize(
    ("file", "array", "name"),
    [
        ("v_GGSY1Qvo990", "resnet101", "a ResNet"),
        ("v_GGSY1Qvo990", "r2plus1d_18", "R(2+1)D-18"),
        ("v_GGSY1Qvo990", "i3d_rgb", "I3D"),
        ("v_GGSY1Qvo990", "i3d_flow_raft", "I3D"),
        ("dog_02677", "resnet50", "a ResNet"),
        ("drum_02542", "resnet50", "a ResNet"),
        ("bird_0nib7bMm8BA", "resnet50", "a ResNet"),
    ],
)
def test_real_visual_features(shared, file, array, name):
    verdict = judge(measure(array, npz(shared, f"data/clips/reference/{file}.npz")[array]), array)
    assert verdict.kinds[0].startswith(name) and verdict.fits is True


def test_real_mobilenet(shared):
    reference = npz(shared, "data/weights/mobilenet_v2_reference.npz")
    rows = np.concatenate([reference["image_features"], reference["frame_features"]])
    verdict = judge(measure("visual", rows, videos=len(rows)))
    assert verdict.kinds == ("MobileNetV2, pooled",) and verdict.notes == ()


def test_the_one_vector_of_youtube8m(shared):
    vector = npz(shared, "data/labels/yt8m_pca_one_vector.npz")
    names = [judge(measure("visual", vector[key].reshape(1, -1))).kinds for key in
             ("original", "pca")]  # fmt: skip
    assert names == [
        ("Inception's pool_3, before YouTube-8M's PCA",),
        ("Inception after YouTube-8M's PCA, neither clipped nor quantised",),
    ]


def test_real_youtube8m(shared):
    """A packed shard has sums of bytes, and seconds: published is their quotient, mapped back."""
    shard = npz(shared, "data/youtube8m/shards/validate0000.npz")
    shape = shard["lo"].shape  # (1024 + 128, videos)
    top = np.unpackbits(shard["top"])[: np.prod(shape)].reshape(shape)
    sums = shard["lo"].astype(int) + 256 * shard["hi"].astype(int) + 65536 * top.astype(int)
    values = mapped(sums / shard["seconds"]).T
    for name, rows, looks in (
        ("visual", values[:, :1024], "means over time of Inception after PCA"),
        ("audio", values[:, 1024:], "means over time of VGGish after PCA"),
    ):
        (found,) = judge(measure(name, rows, videos=len(rows))).kinds
        assert found.startswith(looks)
