"""Loads of water, air and sea become one kind of field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxload.earth.loading.mass_field import (
    area_weights,
    from_pressure,
    from_sea_level,
    from_soil_moisture,
    from_water,
    masked,
)

LAT, LON = np.arange(-87.5, 90, 5.0), np.arange(0.0, 360, 10.0)


def field_of(rng, epochs=3):
    return rng.normal(size=(epochs, len(LAT), len(LON)))


def an_ocean(rng):
    return np.clip(rng.normal(0.6, 0.7, (len(LAT), len(LON))), 0, 1)


@pytest.mark.parametrize(
    "lat", [LAT, LAT[::-1], np.linspace(-90, 90, 37), np.arange(-90, 90, 4.0) + 2]
)
def test_the_cells_of_a_globe_cover_it_once(lat):
    field = from_water(np.zeros((1, len(lat), len(LON))), lat, LON)
    np.testing.assert_allclose(len(LON) * area_weights(field).sum(), 1, rtol=1e-13)


def test_cells_without_any_number_carry_nothing(rng):
    height = field_of(rng)
    height[:, 3, 5] = np.nan
    field = from_water(height, LAT, LON)
    load = np.asarray(field.load)
    assert (load[:, 3, 5] == 0).all()
    assert np.argwhere(~np.asarray(field.known)).tolist() == [[3, 5]]
    np.testing.assert_array_equal(load[:, :3], height[:, :3])


def test_a_gap_in_time_is_named(rng):
    height = field_of(rng)
    height[1, 3, 5] = np.nan
    with pytest.raises(ValueError, match="NaN at epoch 1 in row 3, column 5"):
        from_water(height, LAT, LON)


def test_a_transposed_field_is_refused(rng):
    with pytest.raises(ValueError, match="along 'l"):
        from_water(field_of(rng).transpose(0, 2, 1)[:, :, :-1], LAT, LON)


def test_ten_hectopascal_are_a_tenth_of_a_metre_of_water():
    pressure = np.full((2, len(LAT), len(LON)), 1.0e5)
    pressure[1] += 1000.0
    load = from_pressure(pressure, LAT, LON, reference=pressure[0]).load
    # A kilopascal is 1000 / 9.80665 kg on a square metre.
    np.testing.assert_allclose(load[1], 101.9716, rtol=1e-6)
    assert (load[0] == 0).all()


def test_without_a_reference_the_mean_of_all_epochs_does_not_load(rng):
    load = from_pressure(1e5 + 100 * field_of(rng), LAT, LON).load
    np.testing.assert_allclose(load.mean(axis=0), 0, atol=1e-9)


def test_the_inverted_barometer_moves_no_air_away(rng):
    pressure, ocean = 1e5 + 500 * field_of(rng), an_ocean(rng)
    plain, yielding = (from_pressure(pressure, LAT, LON, o) for o in (None, ocean))
    weight = np.asarray(area_weights(plain))[None, :, None]
    for moved, kept in zip(
        (weight * yielding.load).sum(axis=(1, 2)), (weight * plain.load).sum((1, 2))
    ):
        np.testing.assert_allclose(moved, kept, rtol=1e-12)


def test_the_inverted_barometer_levels_the_sea_and_leaves_the_land(rng):
    pressure, ocean = 1e5 + 500 * field_of(rng), np.round(an_ocean(rng))
    plain, yielding = (from_pressure(pressure, LAT, LON, o) for o in (None, ocean))
    land = ocean == 0
    np.testing.assert_array_equal(yielding.load[:, land], plain.load[:, land])
    weight = np.broadcast_to(np.asarray(area_weights(plain))[:, None], ocean.shape)
    expected = np.average(plain.load[1][~land], weights=weight[~land])
    np.testing.assert_allclose(yielding.load[1][~land], expected, rtol=1e-12)


@pytest.mark.parametrize(("scale", "said"), [(1e-2, "hPa by 100"), (1e-5, "hPa")])
def test_a_pressure_in_other_units_is_refused(rng, scale, said):
    with pytest.raises(ValueError, match=said):
        from_pressure(scale * (1e5 + field_of(rng)), LAT, LON)


def test_a_single_epoch_needs_a_reference(rng):
    with pytest.raises(ValueError, match="reference="):
        from_pressure(1e5 + field_of(rng, 1), LAT, LON)


def test_sea_level_weighs_as_salt_water_without_its_steric_part(rng):
    height, steric, ocean = field_of(rng), field_of(rng), an_ocean(rng)
    load = from_sea_level(height, LAT, LON, ocean, steric).load
    np.testing.assert_allclose(load, 1.025 * (height - steric) * ocean, rtol=1e-12)


def test_layers_of_soil_add_up_to_anomalies_and_the_sea_stays_out(rng):
    layers = rng.uniform(0, 100, (4, 3, len(LAT), len(LON)))
    layers[:, :, 0, 0] = np.nan
    load = np.asarray(from_soil_moisture(layers, LAT, LON).load)
    total = layers.sum(axis=1)
    np.testing.assert_allclose(
        load[:, 1:], (total - total.mean(axis=0))[:, 1:], atol=1e-11
    )
    assert (load[:, 0, 0] == 0).all()


@pytest.mark.parametrize("wrong", [-0.1, 1.5, np.nan])
def test_a_share_out_of_range_is_named(rng, wrong):
    field, share = from_water(field_of(rng), LAT, LON), an_ocean(rng)
    share[2, 7] = wrong
    with pytest.raises(ValueError, match="row 2, column 7"):
        masked(field, share)


def test_a_mask_and_its_complement_add_up(rng):
    field, share = from_water(field_of(rng), LAT, LON), an_ocean(rng)
    parts = masked(field, share).load + masked(field, 1 - share).load
    np.testing.assert_allclose(parts, field.load, rtol=1e-12, atol=1e-15)


def test_fields_differentiate_in_what_they_are_made_of(rng):
    ocean = an_ocean(rng)

    @jax.jit
    def load(pressure):
        return from_pressure(pressure, LAT, LON, ocean).load

    pressure = jnp.asarray(1e5 + 500 * field_of(rng))
    check_grads(load, (pressure,), order=1, eps=1.0, rtol=1e-6)


def test_chunks_are_computed_and_warned_of_where_memory_may_not_hold_them(
    monkeypatch, caplog
):
    array = pytest.importorskip("dask.array")
    lat, lon = np.arange(-87.5, 90, 5.0), np.arange(2.5, 360, 5.0)
    water = np.random.default_rng(4).normal(size=(3, 36, 72))
    pieces = array.from_array(water, chunks=(1, 36, 72))
    field = from_water(pieces, lat, lon)
    np.testing.assert_array_equal(field.load, water)
    assert not caplog.text
    monkeypatch.setattr("jaxload._check.LARGE", 1000)
    from_water(pieces, lat, lon)
    assert "height is in chunks" in caplog.text
    caplog.clear()
    from_water(water, lat, lon)
    assert not caplog.text
