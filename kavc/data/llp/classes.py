"""The classes of LLP in their published order, and names as they stand in its tables."""

from __future__ import annotations

from kavc.errors import DataError, unknown

CLASSES = (
    *("Speech", "Car", "Cheering", "Dog", "Cat", "Frying_(food)", "Basketball_bounce"),
    *("Fire_alarm", "Chainsaw", "Cello", "Banjo", "Singing", "Chicken_rooster", "Violin_fiddle"),
    *("Vacuum_cleaner", "Baby_laughter", "Accordion", "Lawn_mower", "Motorcycle", "Helicopter"),
    *("Acoustic_guitar", "Telephone_bell_ringing", "Baby_cry_infant_cry", "Blender", "Clapping"),
)
INDEX = {name: index for index, name in enumerate(CLASSES)}


def index_of(name: str, where: str) -> int:
    """Returns the index of a class.

    Raises:
        DataError: no such class; names the nearest one.

    Example:
        >>> index_of("Fire_alarm", "AVVP_train.csv, line 2")
        7
    """
    if name not in INDEX:
        raise DataError(f"{where}: {unknown('class', name, CLASSES)}")
    return INDEX[name]
