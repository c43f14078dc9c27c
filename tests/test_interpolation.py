"""Interpolation between the nodes of a grid."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from jaxload.sphere import linear_weights

LON, LAT = np.array([100.0, 101.0, 103.0]), np.array([20.0, 21.0, 22.5, 24.0])


def test_weights_interpolate_as_scipy_does(rng):
    lon, lat = rng.uniform(100, 103, 50), rng.uniform(20, 24, 50)
    values = rng.normal(size=(len(LAT), len(LON)))
    found = linear_weights(LON, LAT, lon, lat) @ values.ravel()
    expected = RegularGridInterpolator((LAT, LON), values)(np.stack([lat, lon], axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_nodes_keep_their_values_and_rows_sum_to_one():
    lon, lat = np.tile(LON, len(LAT)), np.repeat(LAT, len(LON))
    np.testing.assert_array_equal(
        linear_weights(LON, LAT, lon, lat).toarray(), np.eye(len(lon))
    )
    beyond = linear_weights(LON, LAT, [99.6, 103.9], [24.6, 19.5])
    np.testing.assert_array_equal(np.asarray(beyond.sum(axis=1)), 1)


def test_places_outside_are_counted():
    with pytest.raises(ValueError, match=r"1 of 2 places lie outside .* in latitude"):
        linear_weights(LON, LAT, [101.0, 101.0], [22.0, 30.0])
    with pytest.raises(ValueError, match="does not ascend"):
        linear_weights(LON[::-1], LAT, [101.0], [22.0])
