"""What an array of features looks like, by its statistics beside those of published ones.

Rules say no more than statistics can: "looks like" where all bounds of a kind hold, "unlike any
that is known" otherwise. Features of another network, or of pictures scaled otherwise, can have
the same statistics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kavc.data.published_statistics import FAMILIES, KINDS, Kind
from kavc.data.statistics import ArrayStatistics

HEARD = re.compile(r"audio|sound|music|song|speech|vggish|yamnet|mel")
SEEN = re.compile(r"visual|video|rgb|image|frame|flow|picture|res(net|\d)|mobilenet|r2plus1d|i3d")
FEW = 20  # rows below which a sentence says that they are few
_SCALE = ("mean", "std", "most")
# Half of the values beyond ±2 that PCA gave of VGGish with ReLU (19 to 22 %); of normal values
# that were whitened, as its parameters do without ReLU, there are 5 %.
_MANY_ENDS = 0.12
# Pictures of six to 59 scenes: 0.83 to 0.90 of the variance within columns by x/127.5 - 1, 0.23
# to 0.43 by 0 to 255 as they are, 0.51 to 0.59 less the means of Caffe.
_ALIKE = 0.5
_WORDS = {"least": "minimum", "most": "maximum", "std": "standard deviation", "zeros": "zeros",
          "negative": "negative values", "within": "variance within columns", "ends":
          "values at the ends", "whole": "whole numbers", "on_grid": "values of YouTube-8M's bytes",
          "on_plain_grid": "values of bytes by u*4/255 - 2"}  # fmt: skip
_SHARES = {"zeros", "negative", "within", "ends", "whole", "on_grid", "on_plain_grid"}


@dataclass(frozen=True)
class Verdict:
    """What an array looks like.

    Args:
        kinds: that fit, those first of which something is known.
        looks: a sentence without a full stop.
        fits: whether what the data say of the array fits; None where nothing can be told.
        said: a sentence on that; "" where the data say nothing.
        notes: further sentences: what is odd, and its usual cause.
    """

    kinds: tuple[str, ...]
    looks: str
    fits: bool | None = None
    said: str = ""
    notes: tuple[str, ...] = ()


def judge(found: ArrayStatistics, extractor: str = "") -> Verdict:
    """Compares an array with published features.

    Args:
        found: its statistics.
        extractor: what made it, as the data say; without it the array's meaning is asked.

    Example:
        judge(statistics(source)[0]).looks
    """
    if early := _no_features(found):
        said = f"made by {extractor}: not to be told from these" if extractor else ""
        return Verdict((), early, said=said, notes=tuple(_notes(found, ())))
    fitting = [kind for kind in candidates(found) if not misfits(kind, found)]
    fitting.sort(key=lambda kind: not kind.known)
    fits, said = _said(found, extractor)
    return Verdict(
        tuple(kind.name for kind in fitting),
        _looks(found, fitting),
        fits,
        said,
        tuple(_notes(found, fitting)),
    )


def candidates(found: ArrayStatistics) -> list[Kind]:
    """Returns the kinds of an array's width and, if its name tells it, modality."""
    modality = modality_of(found.name)
    return [
        kind
        for kind in KINDS
        if kind.width == found.width and modality in ("", kind.modality)
    ]  # fmt: skip


def modality_of(name: str) -> str:
    """Returns whether an array is heard or seen, by its name: "audio", "visual" or "".

    >>> modality_of("audio_vggish"), modality_of("res152"), modality_of("x")
    ('audio', 'visual', '')
    """
    heard, seen = (bool(words.search(name.lower())) for words in (HEARD, SEEN))
    return "" if heard == seen else "audio" if heard else "visual"


def misfits(kind: Kind, found: ArrayStatistics) -> list[str]:
    """Returns which statistics of an array lie outside the bounds of a kind.

    >>> from kavc.data.published_statistics import KINDS
    >>> relu = ArrayStatistics("audio", 128, rows=100, mean=0.2, std=0.4, zeros=0.6, most=4.0)
    >>> codes = next(kind for kind in KINDS if kind.bounds.get("whole") == (1, 1))
    >>> misfits(codes, relu)  # what were bytes would be whole numbers
    ['whole']
    """
    return [
        name
        for name, (least, most) in kind.bounds.items()
        if not least <= getattr(found, name) <= most
    ]


def _no_features(found: ArrayStatistics) -> str:
    """Returns what an array is that can't be compared; "" if it can."""
    if found.fault:
        return f"not read: {found.fault}"
    if not found.rows:
        return "no rows"
    if found.least == found.most:
        return f"nothing but {found.most:g}"
    if found.whole == 1 and found.least >= 0 and found.most <= 1:
        return "marks, 0 or 1, and no features"
    if found.unit:
        return ("rows of length 1: normalised; published features are not, so that statistics can't"
                " tell what they were")  # fmt: skip
    return ""


def _looks(found: ArrayStatistics, fitting: Sequence[Kind]) -> str:
    few = f" (of {found.rows} rows alone)" if found.rows < FEW else ""
    known = [kind for kind in fitting if kind.known]
    others = [kind.name for kind in fitting if not kind.known]
    if known:
        told = "; or ".join(kind.name + _published(kind) for kind in known)
        also = f"; nothing excludes {_any_of(others)}" if others else ""
        return f"looks like {told}{also}{few}"
    if others:
        return f"may be {_any_of(others)}, of which no statistics are known here{few}"
    modality = modality_of(found.name)
    near = candidates(found)
    if not near:
        widths = sorted({k.width for k in KINDS if modality in ("", k.modality)})
        return (f"{modality or 'features'} {found.width} wide: none that is known is, but"
                f" {_any_of(map(str, widths))}")  # fmt: skip
    if found.grid == "u":
        return "whole numbers from 0 to 255: bytes, and none that are known of this width"
    nearest = min((kind for kind in near if kind.known), key=lambda kind: _distance(kind, found))
    return (f"unlike any that is known, {found.width} wide; nearest: {nearest.name}"
            f"{_published(nearest)}, but {_differences(nearest, found)}{few}")  # fmt: skip


def _distance(kind: Kind, found: ArrayStatistics) -> tuple[int, int]:
    """A wrong sign or grid, or a scale that is ten times off, says more than another scale."""
    wrong = misfits(kind, found)
    far = [name for name in wrong if name not in _SCALE or _is_far(kind, found, name)]
    return len(far), len(wrong)


def _is_far(kind: Kind, found: ArrayStatistics, name: str) -> bool:
    (least, most), value = kind.bounds[name], abs(getattr(found, name))
    return value > 10 * max(abs(least), abs(most)) or 10 * value < min(abs(least), abs(most))


def _differences(kind: Kind, found: ArrayStatistics) -> str:
    told = []
    for name in misfits(kind, found):
        least, most = kind.bounds[name]
        value = getattr(found, name)
        side, bound = ("at least", least) if value < least else ("at most", most)
        told.append(f"{_WORDS.get(name, name)} {_shown(name, value)}, {side} {_shown(name, bound)}"
                    " expected")  # fmt: skip
    return "; ".join(told)


def _shown(name: str, value: float) -> str:
    return f"{100 * value:.3g} %" if name in _SHARES else f"{value:.3g}"


def _said(found: ArrayStatistics, extractor: str) -> tuple[bool | None, str]:
    """Tells whether what the data say of an array fits its statistics."""
    told = extractor or found.meaning
    family = _family(told)
    if not family:
        return None, f"made by {extractor}, of which nothing is known here" if extractor else ""
    begin = f"{'made by' if extractor else 'said to be'} {told}"
    of_family = [kind for kind in KINDS if kind.family == family]
    same = [kind for kind in of_family if kind.width == found.width]
    if not same:
        widths = _any_of(str(width) for width in sorted({kind.width for kind in of_family}))
        return False, f"{begin}: does not fit, {family} is {widths} wide"
    if any(not misfits(kind, found) for kind in same):
        return True, f"{begin}: fits"
    nearest = min(same, key=lambda kind: _distance(kind, found))
    return False, f"{begin}: does not fit ({nearest.name}: {_differences(nearest, found)})"


def _family(told: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", told.lower())
    for family, names in FAMILIES.items():
        if any(name in letters for name in names):
            return family
    return ""


def _notes(found: ArrayStatistics, fitting: Iterable[Kind]) -> list[str]:
    names = {kind.family for kind in fitting}
    notes = []
    if found.not_finite:
        notes.append(f"{found.not_finite} rows hold NaN or infinity and are left out here: extract"
                     " them again")  # fmt: skip
    if not fitting and found.standard > 0.9 and not found.unit:
        notes.append("nearly all columns have mean 0 and deviation 1: standardised or whitened,"
                     " or random numbers")  # fmt: skip
    if found.width == 128 and "VGGish" in names and found.ends > _MANY_ENDS:
        notes.append(f"{100 * found.ends:.0f} % of the values lie at the ends of the range, as"
                     " where PCA was given VGGish with its ReLU (19 to 22 %): its means are of"
                     " VGGish without, of which about 5 % would")  # fmt: skip
    if "MobileNetV2" in names and found.videos >= FEW and found.within < _ALIKE:
        notes.append(f"rows differ little ({found.within:.2f} of the variance is within columns;"
                     " 0.83 to 0.90 for pictures of different scenes): as where x/127.5 - 1 was"
                     " forgotten (0.23 to 0.43), or the pictures are alike")  # fmt: skip
    if "VGGish" in names and found.hop is not None and not _is_hop(found.hop):
        notes.append(f"a row each {found.hop:g} s: VGGish has 0.96 s, and AVE, LLP and YouTube-8M"
                     " have 1 s")  # fmt: skip
    if found.uneven:
        notes.append("its rows are not evenly spaced in time")
    if 2 * found.constant > found.width and found.rows >= FEW and found.least < found.most:
        notes.append(f"{found.constant} of {found.width} columns never change")
    if 2 * found.repeated > found.rows > 1 and found.least < found.most:
        notes.append(f"{found.repeated} of {found.rows} rows equal an earlier one")
    return notes


def _is_hop(hop: float) -> bool:
    return any(abs(hop - known) < 0.005 for known in (0.96, 1.0))


def _published(kind: Kind) -> str:
    return f" (published: {kind.published})" if kind.published else ""


def _any_of(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
