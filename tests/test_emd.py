"""Series as components from fast to slow, and the cache that keeps them."""

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies
from hypothesis.extra import numpy as arrays
from scipy.interpolate import CubicSpline

from jaxload.io.cache import ArrayCache
from jaxload.series.decomposition.emd import Decomposition, decompose
from jaxload.series.decomposition.envelopes import find_turns, mean_envelope
from jaxload.series.decomposition.ordinal_patterns import permutation_entropy

METHODS = ("emd", "eemd", "meemd")


def weather(rng, epochs, series=1):
    """Seasons, and days that remember the days before."""
    days = np.arange(epochs)[:, None]
    fast = rng.normal(size=(epochs, series))
    for epoch in range(1, epochs):
        fast[epoch] += 0.75 * fast[epoch - 1]
    return 8 * np.cos(2 * np.pi * days / 365.25) + 2 * fast + 1e-3 * days


def few(method, **changes):
    return Decomposition(method, **{"trials": 4, **changes})


# Sifting


def mirrored_by_hand(values, turns):
    """Knots beyond the start: epochs, values and kinds, by Rilling's rules in words."""
    kind = lambda epoch: values[epoch] > values[epoch - 1]
    first, second = turns[:2]
    below = values[0] < values[second]
    if below != kind(second):
        knots = [(0, values[0], kind(second))]
        return knots + [(-e, values[e], kind(e)) for e in turns[:3]]
    about_first = [(2 * first - e, values[e], kind(e)) for e in turns[1:5]]
    for wanted in (True, False):
        reach = [at for at, _, top in about_first if top == wanted]
        if min([*reach, *(e for e in turns[:1] if kind(e) == wanted)], default=1) > 0:
            return [(-e, values[e], kind(e)) for e in turns[:4]]
    return about_first


def mean_by_hand(values):
    epochs = np.arange(len(values))
    slope = np.diff(values)
    turns = [e for e in epochs[1:-1] if slope[e - 1] * slope[e] < 0]
    inner = [(e, values[e], slope[e] < 0) for e in turns]
    head = mirrored_by_hand(values, turns)
    backward = [len(values) - 1 - e for e in turns[::-1]]
    tail = mirrored_by_hand(values[::-1], backward)
    knots = head + inner + [(len(values) - 1 - e, v, top) for e, v, top in tail]
    splines = []
    for wanted in (True, False):
        some = sorted((e, v) for e, v, top in knots if top == wanted)
        at, height = np.array(some).T
        splines.append(CubicSpline(at, height, bc_type="natural")(epochs))
    return np.mean(splines, axis=0)


@pytest.mark.parametrize("epochs", [9, 30, 200])
def test_the_mean_envelope_is_that_of_splines_through_mirrored_turning_points(
    rng, epochs
):
    rough = rng.normal(size=(40, epochs))
    smooth = np.cumsum(rough, axis=1)
    slow = np.cumsum(smooth, axis=1)
    for values in np.concatenate([rough, smooth, slow]):
        if np.count_nonzero(np.diff(np.sign(np.diff(values)))) < 2:
            continue
        got = mean_envelope(values[None])[0]
        scale = np.ptp(values)
        np.testing.assert_allclose(got, mean_by_hand(values), atol=1e-11 * scale)


def test_series_side_by_side_do_not_touch_each_other(rng):
    values = np.cumsum(rng.normal(size=(12, 150)), axis=1)
    values[4] = np.arange(150.0)
    values[7] *= 1e6
    together = mean_envelope(values)
    alone = [mean_envelope(one[None])[0] for one in values]
    np.testing.assert_array_equal(together, alone)
    assert not together[4].any()


def test_a_flat_top_is_one_maximum_and_a_flat_slope_none():
    values = np.array([[1, 1, 2, 2, 3, 3, 3, 2, 2, 1, 1, 4, 5, 5.0], [7.0] * 14])
    turns = find_turns(values)
    assert turns.at.tolist() == [6, 10]
    assert turns.top.tolist() == [True, False]
    assert turns.start.tolist() == [0, 2, 2]


# What components are


@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
@given(
    values=arrays.arrays(
        np.float64,
        strategies.tuples(strategies.integers(6, 60), strategies.integers(0, 3)),
        elements=strategies.floats(-1e6, 1e6, width=32),
    ),
    method=strategies.sampled_from(METHODS),
    components=strategies.integers(2, 7),
)
def test_components_add_up_to_any_series(values, method, components):
    found = decompose(values, few(method, components=components))
    assert found.shape == (*values.shape, components)
    scale = 1e-10 * max(abs(values).max(initial=0), 1e-300)
    np.testing.assert_allclose(found.sum(axis=2), values, rtol=0, atol=scale)


@pytest.mark.parametrize("method", METHODS)
def test_components_of_weather_add_up_to_1e_10(rng, method):
    values = weather(rng, 1500)
    found = decompose(values, few(method))
    assert abs(found.sum(axis=2) - values).max() < 1e-10
    assert np.count_nonzero(np.ptp(found, axis=0)) >= 8


def test_two_waves_come_apart():
    """They begin and end at a crest, where mirroring them is exact."""
    days = np.arange(2001.0)
    fast, slow = np.cos(2 * np.pi * days / 20), 3 * np.cos(2 * np.pi * days / 400)
    found = decompose((5 + fast + slow)[:, None], few("emd", components=3))[:, 0]
    for got, want in zip(found.T, (fast, slow, 5 + 0 * days)):
        np.testing.assert_allclose(got, want, atol=0.05)


def test_more_components_divide_only_the_last_one(rng):
    values = weather(rng, 800)
    three = decompose(values, few("emd", components=3))
    many = decompose(values, few("emd", components=12))
    np.testing.assert_array_equal(three[..., :2], many[..., :2])
    np.testing.assert_allclose(three[..., 2], many[..., 2:].sum(axis=2), atol=1e-10)


@pytest.mark.parametrize("components", [2, 9])
def test_a_series_that_does_not_oscillate_is_its_own_rest(components):
    line = np.linspace(3, 9, 300)[:, None]
    both = np.append(line, np.full_like(line, 5.0), axis=1)
    found = decompose(both, few("emd", components=components))
    assert not found[..., :-1].any()
    np.testing.assert_array_equal(found[..., -1], both)


def test_rounding_errors_are_not_taken_apart(rng):
    wave = np.cos(2 * np.pi * np.arange(2001) / 20)[:, None]
    rounding = 1e-14 * rng.normal(size=wave.shape)
    found = decompose(7.3 + wave + rounding, few("emd", components=10))
    np.testing.assert_allclose(found[..., 0], wave, atol=1e-12)
    assert not found[..., 1:-1].any()
    assert 0 < np.ptp(found[..., -1]) < 1e-12


def test_an_ensemble_of_two_is_the_mean_over_opposite_noises(rng):
    values = weather(rng, 500)
    noise = np.random.default_rng(7).standard_normal((500, 1)) * 0.3 * values.std()
    pair = [decompose(values + s * noise, few("emd")) for s in (1, -1)]
    found = decompose(values, few("eemd", trials=2, noise=0.3, seed=7))
    np.testing.assert_allclose(found, np.mean(pair, axis=0), atol=1e-10)


def test_an_ensemble_keeps_a_burst_out_of_the_slower_wave():
    """Wu and Huang's reason for the ensemble: one time scale in one component."""
    days = np.arange(1000.0)
    slow = np.sin(2 * np.pi * days / 100)
    burst = np.where(abs(days - 500) < 40, 0.3 * np.sin(2 * np.pi * days / 8), 0)

    def best_likeness(method, wave):
        found = decompose((slow + burst)[:, None], few(method, trials=40))[:, 0]
        return max(np.corrcoef(one, wave)[0, 1] for one in found.T if one.any())

    assert best_likeness("emd", burst) < 0.2
    assert best_likeness("eemd", burst) > 0.97
    assert best_likeness("eemd", slow) > 0.97


def test_noise_is_taken_out_first_and_little_where_there_is_none(rng):
    days = np.arange(2000.0)
    smooth = np.sin(2 * np.pi * days / 60) + 2 * np.sin(2 * np.pi * days / 400)
    noise = 0.3 * rng.normal(size=2000)
    both = np.stack([smooth + noise, smooth], axis=1)
    found = decompose(both, few("meemd", trials=40))
    assert np.corrcoef(found[:, 0, 0], noise)[0, 1] > 0.9
    assert permutation_entropy(found[:, 0])[0] > 0.6
    assert found[:, 1, 0].std() < 0.01 * smooth.std()
    for index in (0, 1):
        rest = both[:, index] - found[:, index, 0]
        plain = decompose(rest[:, None], few("emd", components=9))[:, 0]
        np.testing.assert_array_equal(found[:, index, 1:], plain)


def test_nothing_is_noise_above_the_largest_entropy(rng):
    values = weather(rng, 300)
    found = decompose(values, few("meemd", threshold=1.0))
    assert not found[..., 0].any()
    plain = decompose(values, few("emd", components=9))
    np.testing.assert_array_equal(found[..., 1:], plain)


def test_components_of_one_series_depend_on_nothing_but_it(rng):
    values = weather(rng, 400, series=3)
    together = decompose(values, few("meemd"))
    alone = decompose(values[:, 2:], few("meemd"))
    np.testing.assert_array_equal(together[:, 2:], alone)
    other = decompose(values[:, 2:], few("meemd", seed=1))
    assert abs(other - alone).max() > 1e-3


def test_processes_share_the_work_and_change_nothing(rng):
    values = weather(rng, 300, series=3)
    got = decompose(values, few("eemd"), workers=2)
    np.testing.assert_array_equal(got, decompose(values, few("eemd")))


def test_it_says_the_same_as_emd_signal(rng):
    """Both sift ten times; splines end differently there, which fades inward."""
    library = pytest.importorskip("PyEMD").EMD()
    library.FIXE = 10
    values = weather(rng, 3650)[:, 0]
    want = library.emd(values, max_imf=9)
    found = decompose(values[:, None], few("emd", components=10))[:, 0].T
    inside = slice(500, -500)
    for got, one in zip(found[:3], want[:3]):
        assert abs(got - one)[inside].max() < 1e-5 * abs(one).max()
    likeness = [np.corrcoef(*pair)[0, 1] for pair in zip(found, want)]
    assert min(likeness[:6]) > 0.95


# Permutation entropy


def test_permutation_entropy_is_that_of_the_example_it_was_published_with():
    values = np.array([4, 7, 9, 10, 6, 11, 3.0])[:, None]
    rises = np.array([4, 2]) / 6
    want = -(rises * np.log(rises)).sum() / np.log(2)
    np.testing.assert_allclose(permutation_entropy(values, 2), want)
    three = np.array([2, 2, 1]) / 5
    want = -(three * np.log(three)).sum() / np.log(6)
    np.testing.assert_allclose(permutation_entropy(values, 3), want)


def test_permutation_entropy_goes_from_order_to_noise(rng):
    order, noise = np.exp(np.linspace(0, 5, 40000)), rng.normal(size=40000)
    wave = np.sin(2 * np.pi * np.arange(40000) / 50)
    got = permutation_entropy(np.stack([order, wave, noise], axis=1), 4)
    np.testing.assert_allclose(got[[0, 2]], [0, 1], atol=1e-3)
    assert 0.1 < got[1] < 0.5
    # Every third value of a wave of six epochs is up, down, up, ...
    wave = np.sin(2 * np.pi * (np.arange(6000) + 0.5) / 6)[:, None]
    np.testing.assert_allclose(permutation_entropy(wave, 2, delay=3), 1, atol=1e-3)


# Cache


class Counting:
    """A cache in memory that counts what is put into it."""

    def __init__(self):
        self.kept, self.puts = {}, 0

    def get(self, key):
        return self.kept.get(key)

    def put(self, key, array):
        self.puts += 1
        self.kept[key] = array


def test_what_was_done_before_an_interruption_is_not_done_again(rng):
    values = weather(rng, 200, series=5)
    cache, heard = Counting(), []

    def interrupt(done, total):
        assert total == 5
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decompose(values, few("eemd"), cache=cache, watch=interrupt)
    assert cache.puts == 3
    watch = lambda done, total: heard.append((done, total))
    found = decompose(values, few("eemd"), cache=cache, watch=watch)
    assert cache.puts == 5
    assert heard == [(3, 5), (4, 5), (5, 5)]
    np.testing.assert_array_equal(found, decompose(values, few("eemd")))


def test_a_cache_knows_series_and_settings_apart(rng):
    values = weather(rng, 100, series=2)
    cache = Counting()
    decompose(values, few("emd"), cache=cache)
    decompose(values[:, ::-1], few("emd"), cache=cache)
    assert cache.puts == 2
    decompose(values + 1e-9, few("emd"), cache=cache)
    decompose(values, few("emd", siftings=9), cache=cache)
    assert cache.puts == 6


def test_components_come_from_disk_the_second_time(rng, tmp_path):
    values = weather(rng, 100, series=2)
    cache = ArrayCache(tmp_path / "of" / "weather")
    want = decompose(values, few("emd"), cache=cache)
    files = sorted(cache.folder.glob("*"))
    assert [file.suffix for file in files] == [".npy", ".npy"]
    before = [file.stat().st_mtime_ns for file in files]
    np.testing.assert_array_equal(decompose(values, few("emd"), cache=cache), want)
    assert [file.stat().st_mtime_ns for file in files] == before
    # Of other sizes it cannot be what is asked for.
    cache.put(files[0].stem, np.zeros(3))
    np.testing.assert_array_equal(decompose(values, few("emd"), cache=cache), want)


def test_a_damaged_file_counts_as_absent_and_is_replaced(rng, tmp_path):
    cache, array = ArrayCache(tmp_path), rng.normal(size=(7, 3))
    assert cache.get("a") is None
    cache.put("a", array)
    np.testing.assert_array_equal(cache.get("a"), array)
    file = tmp_path / "a.npy"
    whole = file.read_bytes()
    for length in (0, 3, 9, 60, 128, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert cache.get("a") is None
    for broken in (b"PK" + whole, whole.replace(b"}", b"{"), whole.replace(b"7", b"9")):
        file.write_bytes(broken)
        assert cache.get("a") is None
    cache.put("a", array)
    np.testing.assert_array_equal(cache.get("a"), array)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_objects_are_neither_written_nor_read(tmp_path):
    cache = ArrayCache(tmp_path)
    with pytest.raises(ValueError, match="object"):
        cache.put("a", np.array([{}]))
    assert list(tmp_path.iterdir()) == []
    np.save(tmp_path / "b.npy", np.array([{}]), allow_pickle=True)
    assert cache.get("b") is None


def test_a_name_cannot_leave_the_folder(tmp_path):
    for name in ("../a", "", "a/b", "a.b"):
        with pytest.raises(ValueError, match="expected letters"):
            ArrayCache(tmp_path).get(name)


def test_a_folder_that_cannot_be_written_to_is_named_once_and_nothing_is_lost(
    tmp_path, caplog, rng
):
    (tmp_path / "file").write_text("")
    cache = ArrayCache(tmp_path / "file")
    record = rng.normal(size=(60, 2))
    parts = decompose(record, cache=cache)
    np.testing.assert_array_equal(parts, decompose(record))
    (kept,) = caplog.records
    assert f"{tmp_path / 'file'} cannot be written to (" in kept.message


# Errors


def test_a_gap_is_refused_with_the_series_it_is_in(rng):
    values = weather(rng, 50, series=4)
    values[7:9, 2] = np.nan
    with pytest.raises(ValueError, match="series 2 of values has 2 missing"):
        decompose(values, few("emd"))


@pytest.mark.parametrize(
    ("values", "workers", "message"),
    [
        (np.zeros(9), 1, "expected .epoch series."),
        (np.zeros((3, 50)), 1, "3 epochs, expected 6 or more; is it transposed"),
        (np.zeros((50, 3)), 0, "workers is 0"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(values, workers, message):
    with pytest.raises(ValueError, match=message):
        decompose(values, few("emd"), workers=workers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "vmd"}, "method is 'vmd', expected one of emd, eemd, meemd"),
        ({"components": 1}, "components is 1, expected 2 or more"),
        ({"trials": 5}, "trials is 5, expected an even number"),
        ({"trials": 0}, "trials is 0, expected an even number"),
        ({"noise": 0.0}, "noise is 0, expected a positive number"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"siftings": 0}, "siftings is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_without_a_meaning_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Decomposition(**changes)


def test_orders_without_a_run_are_refused():
    with pytest.raises(ValueError, match="need runs of 11 epochs"):
        permutation_entropy(np.zeros((10, 1)), 6, delay=2)
