"""Units as people write them, converted by UDUNITS."""

import functools
import itertools
import re
from collections.abc import Iterator

__all__ = ["conversion", "known_conversion"]

#: What stands beside units of water: "cm of water equivalent", "mm w.e.", "cm EWH".
_OF_WATER = re.compile(
    r"(?<![^\W_])(of|liquid|snow|water|equivalent|equiv\.?|height|thickness|h2o"
    r"|w\.?\s?e\.?(q\.?)?|lwe|swe|ewh|ewt)(?![^\W_])",
    re.IGNORECASE,
)

#: What UDUNITS takes for millibarns and coulombs.
_OTHERWISE = {"mb": "millibar", "mbs": "millibar", "c": "degree_Celsius"}

#: Letters of a unit whose case may be wrong, at most.
_LETTERS = 4

#: Digits to which factors are kept, so that a metre has 1000 millimetres.
_DIGITS = 14


def conversion(units: object, target: str, where: str) -> tuple[float, float]:
    """Find how values in some units become values in others.

    Args:
      units: As a file or a user writes them.
      target: As UDUNITS writes them.
      where: Whose units they are, for the message.

    Returns:
      Factor and offset: what values are multiplied by, and what is added then.

    Raises:
      ValueError: If UDUNITS does not know the units, or they measure something else.

    Example:
      >>> conversion("feet", "mm", "wells.csv")
      (304.8, 0.0)
    """
    factors = known_conversion(str(units), target)
    if factors is None:
        raise ValueError(
            f"{where} is in {str(units)!r}, which cannot become {target}; write the "
            f'units as UDUNITS does, such as "{target}"'
        )
    return factors


@functools.lru_cache
def known_conversion(units: str, target: str) -> tuple[float, float] | None:
    """Find how values in some units become values in others, if they can.

    Where the exact text means something else, or nothing, it is read without what
    stands beside units of water, without brackets, and in any case of letters.

    Args:
      units: As a file or a user writes them.
      target: As UDUNITS writes them.

    Returns:
      Factor and offset; None where UDUNITS does not know the units, or they measure
      something else.

    Raises:
      ValueError: If the library of units is not installed.
    """
    if units.strip() == target:
        return 1.0, 0.0
    try:
        import cf_units  # takes a moment, and most files are in canonical units
    except ImportError:
        raise ValueError(
            f"units such as {units!r} need cf-units, which is not installed; install "
            "it, from conda-forge where there is no other"
        ) from None
    # The library writes to the terminal what it cannot read.
    with cf_units.suppress_errors():
        wanted = _unit(target)
        for text in _spellings(units.strip()):
            unit = _unit(text)
            if unit is not None and unit.is_convertible(wanted):
                offset, one = (float(unit.convert(x, wanted)) for x in (0.0, 1.0))
                factor = float(f"{one - offset:.{_DIGITS}g}")
                return factor, float(f"{offset:.{_DIGITS}g}")
    return None


def _unit(text: str):
    import cf_units

    try:
        unit = cf_units.Unit(text)
    except ValueError:
        return None
    return None if unit.is_unknown() or unit.is_no_unit() else unit


def _spellings(units: str) -> Iterator[str]:
    """The text itself, then what may have been meant by it."""
    degrees = re.match(r"deg(ree)?s?[\s.]+(?=[a-z])", units, re.IGNORECASE)
    if degrees:  # of temperature; UDUNITS takes them for angles times temperatures
        scale = units[degrees.end() :]
        yield from (f"degree_{scale}", f"degree_{scale.capitalize()}", scale)
        return
    yield units
    plain = units.strip("'\"").replace("{", "").replace("}", "")
    plain = " ".join(_OF_WATER.sub(" ", plain).split())
    if re.fullmatch(r"\[.*\]|\(.*\)", plain):
        plain = plain[1:-1].strip()
    if not plain:
        return
    yield plain
    yield plain.lower()
    if plain.lower() in _OTHERWISE:
        yield _OTHERWISE[plain.lower()]
    if plain.isalpha() and len(plain) <= _LETTERS:
        cases = itertools.product(*((x.lower(), x.upper()) for x in plain))
        yield from sorted(map("".join, cases), key=lambda x: sum(map(str.isupper, x)))
    last = re.search(r"[\[(]([^\[\]()]+)[\])]$", plain)
    if last:
        yield last[1]  # water thickness (cm)
