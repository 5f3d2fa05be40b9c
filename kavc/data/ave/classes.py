"""The categories of AVE, in the order in which its annotations first name them."""

from __future__ import annotations

from kavc.errors import DataError, unknown

CLASSES = (
    *("Church bell", "Male speech, man speaking", "Bark", "Fixed-wing aircraft, airplane"),
    *("Race car, auto racing", "Female speech, woman speaking", "Helicopter", "Violin, fiddle"),
    *("Flute", "Ukulele", "Frying (food)", "Truck", "Shofar", "Motorcycle", "Acoustic guitar"),
    *("Train horn", "Clock", "Banjo", "Goat", "Baby cry, infant cry", "Bus", "Chainsaw", "Cat"),
    *("Horse", "Toilet flush", "Rodents, rats, mice", "Accordion", "Mandolin"),
)
BACKGROUND = len(CLASSES)  # column of what is no event, in AVE's files of labels
INDEX = {name: index for index, name in enumerate(CLASSES)}


def index_of(name: str, where: str) -> int:
    """Returns the index of a category.

    Raises:
        DataError: no such category; names the nearest one.

    Example:
        >>> index_of("Church bell", "Annotations.txt, line 1")
        0
        >>> index_of("Church bells", "line 2")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: line 2: unknown category 'Church bells'; did you mean 'Church bell'?
    """
    if name not in INDEX:
        raise DataError(f"{where}: {unknown('category', name, CLASSES)}")
    return INDEX[name]
