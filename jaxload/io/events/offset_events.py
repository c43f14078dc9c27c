"""What can happen to a series at a day."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxload.io.text.words import shorten

__all__ = [
    "EVENT_COMPONENTS",
    "EVENT_KINDS",
    "Event",
    "choice_of",
    "kind_of_note",
]

#: What can happen to a series at a day.
EVENT_KINDS = (
    "offset",
    "equipment",
    "earthquake",
    "rate",
    "exponential",
    "logarithmic",
)
EVENT_COMPONENTS = ("all", "up", "north", "east")

#: Other words for these.
_KINDS = {
    "equipment": "instrument antenna receiver radome firmware equip hardware monument",
    "earthquake": "eq quake coseismic co-seismic seismic",
    "offset": "step jump break unknown other discontinuity",
    "rate": "velocity trend",
    "exponential": "exp expdecay",
    "logarithmic": "log logdecay",
}
_COMPONENTS = {"up": "u v vertical height", "north": "n", "east": "e", "all": "neu enu"}


def _table(words: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    other = {word: name for name, text in words.items() for word in text.split()}
    return {name: name for name in names} | other


#: Each word for a kind or a component with what it stands for, and those that are.
_CHOICES = {
    "kind": (_table(_KINDS, EVENT_KINDS), EVENT_KINDS),
    "component": (_table(_COMPONENTS, EVENT_COMPONENTS), EVENT_COMPONENTS),
}

#: What notes in plain words say was done to a station.
_EQUIPMENT = ("antenna", "receiver", "radome", "equipment", "firmware", "monument")


@dataclasses.dataclass(frozen=True)
class Event:
    """What happens to a station at a day.

    Attributes:
      station: Its name, upper case.
      day: The day.
      kind: One of `EVENT_KINDS`.
      component: One of `EVENT_COMPONENTS`.
      relaxation: Relaxation time [days] of a post-seismic term; NaN if unknown.
      note: What the file says of it.
    """

    station: str
    day: np.datetime64
    kind: str = "offset"
    component: str = "all"
    relaxation: float = np.nan
    note: str = ""


def choice_of(path: pathlib.Path, number: int, name: str, word: str) -> str:
    """Find the kind or the component of an event that a word stands for.

    Args:
      path: The file, for the message.
      number: The line.
      name: "kind" or "component".
      word: The word; none stands for an offset, or for all components.

    Raises:
      ValueError: If it is not known.
    """
    names, listed = _CHOICES[name]
    choice = names.get(word.strip().lower() or listed[0])
    if choice is None:
        raise ValueError(
            f"{path} line {number}: {name} is {shorten(word)}, expected one of "
            f"{', '.join(listed)}"
        )
    return choice


def kind_of_note(note: str) -> str:
    """Find the kind of a step from the note about it.

    Args:
      note: As ``EQ M8.3 - Hokkaido`` or ``antenna change``.
    """
    lower = note.lower()
    if lower.startswith("eq ") or "earthquake" in lower:
        return "earthquake"
    return "equipment" if any(word in lower for word in _EQUIPMENT) else "offset"
