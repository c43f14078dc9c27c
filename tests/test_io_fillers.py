import logging

import numpy as np
import pytest

from jaxload.io.fillers import find_fillers, without_fillers

# The later ones are of netCDF and of integers; the last is -999.99 in single precision.
FILLERS = [-9999.0, 9999.0, -999.0, 999.0, -999.99, -9999.9, 99999.0, 8888.0, 1e20]
FILLERS += [-1e30, 9.969209968386869e36, 32767.0, -32768.0, -999.989990234375]


def series(rng, size=200, level=0.0, spread=5.0):
    return level + spread * rng.standard_normal(size)


@pytest.mark.parametrize(
    "filler",
    FILLERS,
)
@pytest.mark.parametrize("level", [0.0, 12.0, 1880.0])
def test_a_number_that_looks_like_a_filler_and_lies_alone_is_one(rng, filler, level):
    values = series(rng, level=level)
    values[[3, 70, 71]] = filler
    assert find_fillers(values) == [filler]
    # Once is enough, and so are three other values.
    assert find_fillers([level + 0.3, filler, level + 0.5, level]) == [filler]


INVENTED = ["999", "9.99", "99.9", "9999.999", "99999.99", "9999999", "8888", "88.88"]
INVENTED += ["8.888", "8888888", "7777", "7.777777", "777.7777"]
MEASURED = ["99", "888", "777", "0.999", "9.998", "9999.998", "9999.99951", "99999999"]
MEASURED += ["6666", "8887", "77.787", "99.9e-6"]


@pytest.mark.parametrize("sign", [1, -1])
def test_digits_that_nobody_measured_are_a_filler_wherever_their_point_is(sign):
    near = [1e-5, 2e-5, 1.5e-5, 1.2e-5, 1.8e-5]
    for word in INVENTED:
        filler = sign * float(word)
        assert find_fillers([*near, filler]) == [filler]
        assert find_fillers([*near, np.float32(filler)]) == [np.float32(filler)]
    for word in MEASURED:
        assert find_fillers([*near, sign * float(word)]) == []


@pytest.mark.parametrize(
    "values",
    [
        [990.0, 995.5, 999.0, 1003.0, 1008.5],
        [998.0, 999.0],
        [-1200.0, -999.0, -800.0],
        [9000.0, 9999.0, 11000.0],
        [99.5, 99.9, 100.3],
        [0.0] * 50 + [100.0] * 50,
        [1.0, 2.0, 40.0],
        [],
        [np.nan, np.nan],
    ],
)
def test_a_number_among_others_of_its_size_is_a_value(values):
    assert find_fillers(values) == []


def test_a_number_repeated_far_from_all_others_is_a_filler(rng):
    values = series(rng, level=1880.0, spread=0.5)
    values[10:20] = 0.0
    assert find_fillers(values) == [0.0]
    # An outlier that is not repeated is left to those who look for outliers.
    values[10:20] = np.linspace(0, 1, 10)
    assert find_fillers(values) == []


def test_a_repeated_value_near_the_others_stays(rng):
    rain = np.where(rng.random(300) < 0.7, 0.0, rng.gamma(1.0, 4.0, 300))
    assert find_fillers(rain) == []
    assert find_fillers(np.round(series(rng), 0)) == []


def test_two_fillers_of_one_file_are_both_known():
    assert find_fillers([12.3, -999.99, 32766.0]) == [-999.99, 32766.0]


def test_a_filler_of_one_series_is_a_filler_of_all():
    # Beside levels up to 2400 m, -999 is not far off; in each well it is.
    values = [2400.0, 2401.0, -999.0, 3.0, 4.0, -999.0]
    assert find_fillers(values) == []
    assert find_fillers(values, group=["A", "A", "A", "B", "B", "B"]) == [-999.0]


def test_a_series_of_nothing_but_one_filler_has_no_values():
    assert find_fillers([-9999.0, -9999.0]) == [-9999.0]


def test_fillers_become_missing_and_are_named_in_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        values = without_fillers([[12.3, -999.0], [-999.0, 12.5]], "wells.csv, depth")
    np.testing.assert_array_equal(values, [[12.3, np.nan], [np.nan, 12.5]])
    (record,) = caplog.records
    assert "wells.csv, depth: -999 stands 2 times for a missing" in record.getMessage()


def test_values_without_a_filler_come_back_without_a_word(rng, caplog):
    values = series(rng)
    np.testing.assert_array_equal(without_fillers(values, "x"), values)
    assert not caplog.records
