"""Units are what UDUNITS takes them for, or what the writer meant."""

import pytest

from jaxload.io.units import conversion, known_conversion

pytest.importorskip("cf_units")

#: Target, factor, offset, and ways to write what has them.
SPELT = [
    ("mm", 1.0, 0.0, "mm MM millimeter millimetres Millimeters [mm] (mm)"),
    ("mm", 10.0, 0.0, "cm CM centimeter Centimetres"),
    ("mm", 1e3, 0.0, "m M meter metres 'm'"),
    ("mm", 304.8, 0.0, "ft feet foot FT"),
    ("mm", 25.4, 0.0, "inch inches in"),
    ("Pa", 1.0, 0.0, "Pa Pascal Pascals pascal pa PA"),
    ("Pa", 100.0, 0.0, "hPa HPA hpa Hpa mb MB mbar millibars hectopascal"),
    ("Pa", 1e3, 0.0, "kPa KPA kpa kilopascals"),
    ("K", 1.0, 0.0, "K k Kelvin KELVIN degK deg_K"),
    ("K", 1.0, 273.15, "C c degC celsius Celsius degree_Celsius °C ℃"),
]


@pytest.mark.parametrize(
    ("target", "factor", "offset", "units"),
    [(*row[:3], units) for row in SPELT for units in row[3].split()],
)
def test_a_unit_is_known_by_any_spelling(target, factor, offset, units):
    assert conversion(units, target, "x") == (factor, offset)


PHRASES = {
    "degrees C": ("K", 1.0, 273.15),
    "deg C": ("K", 1.0, 273.15),
    "degree Celsius": ("K", 1.0, 273.15),
    "Degrees celsius": ("K", 1.0, 273.15),
    "degrees Kelvin": ("K", 1.0, 0.0),
    "deg. K": ("K", 1.0, 0.0),
    "degrees F": ("K", 5 / 9, 459.67 * 5 / 9),
    "m of water equivalent": ("mm", 1e3, 0.0),
    "cm of water": ("mm", 10.0, 0.0),
    "mm w.e.": ("mm", 1.0, 0.0),
    "cm EWH": ("mm", 10.0, 0.0),
    "Equivalent Water Height [cm]": ("mm", 10.0, 0.0),
    "mm/hour": ("mm d-1", 24.0, 0.0),
    "mm hr^{-1}": ("mm d-1", 24.0, 0.0),
    "inches per day": ("mm d-1", 25.4, 0.0),
    "kg m**-2 s**-1": ("kg m-2 d-1", 86400.0, 0.0),
    "kg/m²/s": ("kg m-2 d-1", 86400.0, 0.0),
    "m**3 m**-3": ("1", 1.0, 0.0),
    "%": ("1", 0.01, 0.0),
    "0.1 mm": ("mm", 0.1, 0.0),
}


@pytest.mark.parametrize("units", PHRASES)
def test_a_unit_is_known_in_words(units):
    target, factor, offset = PHRASES[units]
    assert conversion(units, target, "x") == pytest.approx((factor, offset), rel=1e-12)


@pytest.mark.parametrize(
    ("units", "target"),
    [
        ("mm", "Pa"),
        ("bushel", "mm"),
        ("", "mm"),
        ("unknown", "mm"),
        ("mm/3h", "mm d-1"),
        ("days since 2000-01-01", "mm"),
        ("wet", "mm"),
        ("1", "mm"),
        ("of water", "mm"),
    ],
)
def test_what_measures_something_else_is_refused(units, target):
    assert known_conversion(units, target) is None
    with pytest.raises(ValueError, match=f"x is in .*, which cannot become {target}"):
        conversion(units, target, "x")


@pytest.mark.parametrize("units", ["1e999 m", "m 9999999999999999999", "mm^", "1e400"])
def test_the_library_of_units_writes_nothing_itself(units, capfd):
    known_conversion.cache_clear()
    with pytest.raises(ValueError, match="cannot become mm"):
        conversion(units, "mm", "wells.csv")
    assert capfd.readouterr() == ("", "")
