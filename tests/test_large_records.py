"""Memory of a run does not grow with the maps of its record."""

import argparse

import pytest

from benchmarks import large

pytest.importorskip("netCDF4")

STATIONS, CELLS = 40, 4000


@pytest.mark.slow
def test_memory_hardly_grows_with_the_length_of_a_record(tmp_path):
    options = argparse.Namespace(
        errors="regions", format="netcdf", store=["twsa", "regions"]
    )
    peaks = []
    for epochs in (300, 3000):
        folder = tmp_path / str(epochs)
        large.write_inputs(folder, (STATIONS, CELLS, epochs), options)
        # Compilers take memory too: a second run has its programs.
        row = [large.measured(folder) for _ in range(2)][1]
        assert row["epochs"] == epochs
        assert row["map_processors_ms"] < 50
        peaks.append(row["peak_memory_gib"])
    # The maps of the longer one are 90 MiB in float64, of which there were several.
    assert peaks[1] < 1.15 * peaks[0], peaks


def test_receivers_are_off_for_weeks_on_end(rng):
    off = large.outages((4000, 30), rng)
    assert abs(off.mean() - large.GAPS) < 0.03
    begins = (off[1:] & ~off[:-1]).sum()
    assert 25 < off[1:].sum() / begins < 60
