"""Wavelets hold against closed forms, red noise in numbers, and another program."""

import numpy as np
import pytest

from jaxload import evaluate

MONTHS = np.arange(360)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def pair(rng):
    """A season and the same two months later, in noise."""
    noise = 0.5 * rng.standard_normal((2, len(MONTHS)))
    turns = 2 * np.pi * np.stack([MONTHS, MONTHS - 2]) / 12
    return np.cos(turns) + noise


@pytest.fixture
def inside(pair):
    scales = evaluate.wavelet_scales(pair.shape[1])
    return scales.period[:, None] < scales.influence


def test_a_wave_is_largest_at_its_period():
    for period in (6.0, 12.0, 40.0):
        found = evaluate.wavelet_transform(np.cos(2 * np.pi * MONTHS / period))
        best = found.scales.period[found.power[:, 180].argmax()]
        assert best == pytest.approx(period, rel=2 ** (1 / 12) - 1)


def test_white_noise_has_the_power_of_its_variance(rng):
    found = evaluate.wavelet_transform(2 * rng.standard_normal((200, 256)))
    power = found.power[..., 128].mean(axis=0)
    few = (found.scales.period > 2.5) & (found.scales.period < 32)
    np.testing.assert_allclose(power[few], 4.0, rtol=0.25)
    np.testing.assert_allclose(power[few].mean(), 4.0, rtol=0.05)
    assert power[0] == pytest.approx(0.65 * 4, rel=0.15)


def test_red_noise_has_its_spectrum(rng):
    noise = rng.standard_normal((200, 512))
    for epoch in range(1, 512):
        noise[:, epoch] = 0.7 * noise[:, epoch - 1] + 0.714142843 * noise[:, epoch]
    found = evaluate.wavelet_transform(noise)
    expected = evaluate.red_noise_power(0.7, found.scales)
    few = (found.scales.period > 4) & (found.scales.period < 40)
    mean = found.power[..., 256].mean(axis=0)
    np.testing.assert_allclose(mean[few] / expected[few], 1, atol=0.3)
    assert np.corrcoef(mean[few], expected[few])[0, 1] > 0.98


def test_the_leading_series_has_a_positive_phase(pair):
    both = evaluate.cross_wavelet(*pair)
    annual = np.abs(both.scales.period - 12).argmin()
    months = both.phase[annual, 180] * 12 / (2 * np.pi)
    assert months == pytest.approx(2.0, abs=0.2)
    assert both.coherence[annual, 180] > 0.95
    assert both.power[annual, 180] > both.power_limit[annual]


def test_unrelated_noise_exceeds_the_limits_in_five_percent(rng):
    exceeded, coherent = [], []
    limit = evaluate.coherence_limit((0.0, 0.0), 200, count=200, seed=3)
    for _ in range(40):
        both = evaluate.cross_wavelet(*rng.standard_normal((2, 200)))
        inside = both.scales.period[:, None] < both.scales.influence
        exceeded.append((both.power > both.power_limit[:, None])[inside].mean())
        coherent.append((both.coherence > limit[:, None])[inside].mean())
    assert 0.03 < np.mean(exceeded) < 0.07
    assert 0.03 < np.mean(coherent) < 0.07


def test_a_gap_and_what_it_affects_lie_outside_the_cone_of_influence():
    observed = np.ones(200, bool)
    observed[100:111] = False
    cone = evaluate.cone_of_influence(observed)
    whole = evaluate.wavelet_scales(200).influence
    assert (cone[100:111] == 0).all()
    assert cone[99] == pytest.approx(whole[0])
    np.testing.assert_allclose(cone[:50], whole[:50])
    # Sqrt(2) scales from an end, a wave of 12 months has fallen to exp(-1).
    assert cone[99 - 16] > 12 > cone[99 - 15]


def test_transforms_are_those_of_pycwt(pair, inside):
    pycwt = pytest.importorskip("pycwt")
    both = evaluate.cross_wavelet(*pair)
    count, wave = len(both.scales.scale) - 1, pycwt.Morlet(6)
    anomaly = pair[0] - pair[0].mean()
    theirs, _, frequency, cone, *_ = pycwt.cwt(anomaly, 1, 1 / 12, 2, count, wave)
    ours = evaluate.wavelet_transform(pair[0])
    np.testing.assert_allclose(1 / frequency, ours.scales.period, rtol=1e-12)
    np.testing.assert_allclose(cone, ours.scales.influence, rtol=1e-12)
    # It pads series less, so that their ends meet at long periods.
    short = inside & (ours.scales.period < 40)[:, None]
    np.testing.assert_allclose(
        theirs[short], ours.coefficient[short], atol=0.01 * np.abs(theirs).max()
    )
    common = pycwt.xwt(*pair, 1, 1 / 12, 2, count, wavelet=wave)[0]
    np.testing.assert_allclose(
        np.abs(common)[short], both.power[short], atol=0.02 * both.power.max()
    )


def test_coherence_is_close_to_that_of_pycwt(pair, inside):
    pycwt = pytest.importorskip("pycwt")
    both = evaluate.cross_wavelet(*pair)
    wave = pycwt.Morlet(6)
    # Its window is twice the decorrelation length of the wavelet in scale.
    wave.deltaj0 /= 2
    theirs = pycwt.wct(
        *pair, 1, 1 / 12, 2, len(both.scales.scale) - 1, sig=False, wavelet=wave
    )[0]
    known = inside & (both.scales.period < 40)[:, None]
    assert np.abs(theirs - both.coherence)[known].mean() < 0.05
    assert np.corrcoef(theirs[known], both.coherence[known])[0, 1] > 0.97


def test_series_with_gaps_or_too_short_are_refused():
    with pytest.raises(ValueError, match="1 values are missing"):
        evaluate.wavelet_transform(np.where(MONTHS == 5, np.nan, 1.0))
    with pytest.raises(ValueError, match="12 epochs, expected 16"):
        evaluate.wavelet_transform(np.arange(12.0))
    with pytest.raises(ValueError, match="second is constant"):
        evaluate.cross_wavelet(np.arange(40.0), np.ones(40))
    with pytest.raises(ValueError, match="expected two series of the same epochs"):
        evaluate.cross_wavelet(np.arange(40.0), np.arange(41.0))
