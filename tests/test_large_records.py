"""Memory of a run does not grow with the maps of its record."""

import argparse
import gc

import jax
import numpy as np
import pytest

from benchmarks import large
from jaxload import config, pipeline
from jaxload.inversion.estimation import long_records
from jaxload.pipeline.estimation import inversion

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


def bytes_alive(least):
    """Bytes of arrays that are alive, of `least` or more, each memory once."""
    spans = {}
    for container in gc.get_objects():
        for array in gc.get_referents(container):
            if isinstance(array, np.ndarray):
                while isinstance(array.base, np.ndarray):
                    array = array.base
                if array.nbytes >= least:
                    start = array.__array_interface__["data"][0]
                    spans[start] = max(array.nbytes, spans.get(start, 0))
    for array in jax.live_arrays():
        start = array.unsafe_buffer_pointer()
        # One that JAX took without a copy lies within that of NumPy.
        inside = any(first <= start < first + size for first, size in spans.items())
        if array.nbytes >= least and not inside:
            spans[start] = array.nbytes
    return sum(spans.values())


@pytest.mark.slow
def test_a_solved_record_is_held_with_its_heights_and_coefficients(
    tmp_path, monkeypatch
):
    stations, epochs = 12, 1500
    options = argparse.Namespace(errors="regions", format="netcdf", store=["regions"])
    large.write_inputs(tmp_path / "study", (stations, 100, epochs), options)
    monkeypatch.setattr(long_records, "LONG", 0)
    of_record, held = 8 * epochs * stations, []
    before = bytes_alive(of_record // 2)
    errors = inversion.standard_deviations

    def watched(*arguments):
        held.append(bytes_alive(of_record // 2) - before)
        return errors(*arguments)

    monkeypatch.setattr(inversion, "standard_deviations", watched)
    study = config.read_study(tmp_path / "study" / "study.toml")
    pipeline.run(study, tmp_path / "out").close()
    # Heights and coefficients; their errors and residuals in half as much.
    assert 2.9 < held[0] / of_record < 3.1
