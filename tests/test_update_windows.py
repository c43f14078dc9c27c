"""Windows of a record in which a network goes on, and how far its days reach."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from jaxload import config
from jaxload.inversion.spectral.transform import smooth_length
from jaxload.pipeline.estimation.epoch_steps import MONTH_DAYS
from jaxload.pipeline.frozen.frozen_network import NETWORK
from jaxload.pipeline.update import study_update
from jaxload.pipeline.update.later_epochs import memory_of
from jaxload.pipeline.update.network_window import SHORT, STEP, _size


@pytest.mark.parametrize("spare", [4, 128])
def test_a_window_loses_no_more_than_what_is_spared_before_it(spare):
    steps = 6209
    for first in range(1, steps):
        size, start = _size(np.array([first, steps - 1]), steps, spare)
        assert start - first <= spare
        assert smooth_length(size) == size
        assert size <= SHORT or size % STEP == 0
        # The end is that of the whole record.
        assert start + size == smooth_length(steps)


def test_a_window_that_begins_with_the_record_is_all_of_it():
    assert _size(np.array([0, 700]), 801, 128) == (701, 0)


def test_a_day_long_ago_lies_in_the_window_that_is_to_replace_it():
    steps, lag, lead = 6209, 28, 60
    replaced = 6208 - 4199 - lag
    first = replaced - lead - 128
    _, start = _size(np.array([first, steps - 1]), steps, 128)
    assert start <= replaced - lead


@pytest.mark.parametrize("start", np.arange("2020-01", "2021-01", dtype="M8[M]"))
def test_the_lag_of_months_reaches_as_many_months_of_the_calendar(start):
    network = {"lag": 2, "lead": 3, "days": MONTH_DAYS}
    study = config.Study(
        gnss=config.Gnss(files="*.up"), region=config.Region(boundary="region.txt")
    )
    memory = memory_of(study, {NETWORK: network})
    middle, later = ((start + x).astype("M8[D]") + 14 for x in (0, 2))
    assert later - middle <= np.timedelta64(memory.lag, "D")
    assert memory.lag < 31 * 2.5
    daily = memory_of(study, {NETWORK: network | {"days": 1.0}})
    assert daily.lag == 2


@pytest.mark.parametrize(("places", "last"), [([3, 4], 7.0), ([1, 2], 5.0)])
def test_what_is_still_to_change_is_that_of_the_last_day_of_the_record(places, last):
    """Also where only days long ago were computed anew."""
    arrays = {
        "growth_regions": (("from_end", "region"), [[1.25], [1.0]]),
        "region_rest_sd": (("epoch", "region"), [[1.0]] * 4 + [[5.0]]),
    }
    opened = SimpleNamespace(arrays=xr.Dataset(arrays))
    area = SimpleNamespace(basins=SimpleNamespace(names=["east"]))
    epochs = SimpleNamespace(places=np.array(places), time=np.arange(5))
    water = SimpleNamespace(rest_sd=np.array([[6.0], [7.0]]))
    found = study_update._still_to_change(opened, area, epochs, water)
    assert found == {"east": pytest.approx(last * 0.6)}
