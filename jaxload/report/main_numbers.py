"""The numbers of a result that are read first, each with what it means."""

import dataclasses
import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxload.pipeline.report.scores_in_words import smoothed_scores

__all__ = ["Headline", "headlines"]

#: Regions that are named one by one.
SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Headline:
    """A number to read first.

    Attributes:
      name: What it is of.
      value: The number with its unit.
      meaning: What it means, in a sentence.
    """

    name: str
    value: str
    meaning: str


def headlines(summary: Mapping[str, Any]) -> list[Headline]:
    """Choose the numbers of a result that are read first.

    Args:
      summary: Of `summary.json`.

    Returns:
      Those that the result has.
    """
    return [
        *_extent(summary),
        *_fit(summary),
        *_errors(summary),
        *_scores(summary),
        *_filling(summary),
        *_groundwater(summary),
        *_drought(summary),
        *_truth(summary),
    ]


def _extent(summary: Mapping[str, Any]) -> Iterator[Headline]:
    if "stations" in summary and "cells" in summary:
        yield Headline(
            "Stations",
            str(summary["stations"]),
            f"Their heights determine water on {summary['cells']} cells, those of the "
            "belt around the region included.",
        )
    if "epochs" in summary:
        missing = summary.get("epochs_not_solved", 0)
        yield Headline(
            "Epochs",
            str(summary["epochs"]),
            f"From {summary.get('first_day')} to {summary.get('last_day')}; "
            + (f"{missing} could not be solved." if missing else "all were solved."),
        )


def _fit(summary: Mapping[str, Any]) -> Iterator[Headline]:
    signal, left_out = (
        summary.get(f"{name}_rms_mm") for name in ("signal", "leave_one_out")
    )
    if signal is not None:
        yield Headline(
            "Signal in the heights",
            f"{signal:.2f} mm",
            "Root mean square of the vertical displacement that was inverted.",
        )
    if left_out is not None and signal:
        share = 100 * (1 - (left_out / signal) ** 2)
        yield Headline(
            "Leave-one-out error",
            f"{left_out:.2f} mm",
            "Root mean square error of each height predicted from the other stations: "
            f"they explain {share:.0f}% of the variance. The rest is noise and water "
            "finer than the distance between stations.",
        )
    misfit = summary.get("misfit_rms_mm")
    if misfit is not None:
        beside = "."
        if left_out is not None and misfit < left_out:
            beside = (
                "; it is smaller than the leave-one-out error, as each station fits "
                "its own height too."
            )
        elif left_out is not None and "noise" in summary:
            beside = (
                "; it contains noise that stations share, which the leave-one-out "
                "prediction knows from the others."
            )
        yield Headline(
            "Misfit",
            f"{misfit:.2f} mm",
            "Root mean square difference of heights and displacement by the estimated "
            f"water{beside}",
        )


def _errors(summary: Mapping[str, Any]) -> Iterator[Headline]:
    sizes = summary.get("errors", {}).get("region_sd_mm") or {}
    shared = "noise" in summary or summary.get("common_mode_mm")
    beware = "" if shared else " Noise that stations share is not part of it."
    for region, size in list(sizes.items())[:1]:
        if size is not None:
            yield Headline(
                f"Standard error, {region}",
                f"{size:.1f} mm",
                "Of the regional mean at an epoch, by the noise that the study "
                f"assumes; 95% intervals are 1.96 times as wide on each side.{beware}",
            )


def _scores(summary: Mapping[str, Any]) -> Iterator[Headline]:
    """Scores of regions, with water smoothed as the product is where it was."""
    for key, product, what in (
        ("evaluation", "grace", "GRACE"),
        ("evaluation_land_model", "land_model", "land-surface model"),
    ):
        alike = smoothed_scores(summary, product)
        smoothed = f", smoothed over {alike[0]:g} km as it is," if alike else ""
        scores = alike[1] if alike else summary.get(key, {})
        for region, score in list(scores.items())[:SHOWN]:
            if score.get("pcc") is None or score.get("rmse_mm") is None:
                continue
            nse = score.get("nse")
            efficiency = "" if nse is None else f" Nash-Sutcliffe efficiency {nse:.2f}."
            yield Headline(
                f"{region}, against {what}",
                f"correlation {score['pcc']:.2f}",
                f"Monthly means{smoothed} over {score.get('months')} months differ by "
                f"{score['rmse_mm']:.0f} mm rms.{efficiency}",
            )


def _groundwater(summary: Mapping[str, Any]) -> Iterator[Headline]:
    for key, what in (
        ("lag_months", "GRACE less soil water"),
        ("precipitation", "rain"),
    ):
        lags = [x for x in (summary.get(key) or {}).values() if isinstance(x, Mapping)]
        before, after, months = (
            _median(x.get(name) for x in lags) for name in ("before", "after", "months")
        )
        if before is not None and after is not None and months is not None:
            yield Headline(
                f"Water and {what}",
                f"correlation {before:.2f}",
                f"Median over {len(lags)} series; {after:.2f} when {what} is moved by "
                f"{months:g} months.",
            )
    wells = [x for x in (summary.get("wells") or {}).values() if isinstance(x, Mapping)]
    correlation = _median(x.get("correlation") for x in wells)
    if correlation is not None:
        yield Headline(
            "Wells",
            f"correlation {correlation:.2f}",
            f"Median over {len(wells)} wells of their water tables with water by "
            "heights.",
        )


def _drought(summary: Mapping[str, Any]) -> Iterator[Headline]:
    by_region = {
        region: min(
            ((m, x["dsi"]) for m, x in months.items() if x.get("dsi") is not None),
            key=lambda one: one[1],
            default=None,
        )
        for region, months in (summary.get("dsi") or {}).items()
    }
    known = {region: worst for region, worst in by_region.items() if worst is not None}
    if known:
        region, (month, index) = min(known.items(), key=lambda one: one[1][1])
        yield Headline(
            f"Driest month, {region}",
            f"index {index:.1f}",
            f"Drought severity index in {month}, the lowest of {len(known)} regions; "
            "below -0.5 is dry, below -2 exceptionally dry.",
        )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _filling(summary: Mapping[str, Any]) -> Iterator[Headline]:
    filling = summary.get("filling", {})
    if filling.get("mean_pcc") is not None:
        yield Headline(
            "Filled cells, at stations left out",
            f"correlation {filling['mean_pcc']:.2f}",
            f"Mean over stations of heights predicted by {filling.get('method')} from "
            "the others against those observed.",
        )


def _truth(summary: Mapping[str, Any]) -> Iterator[Headline]:
    truth = summary.get("truth", {})
    if truth.get("region_pcc") is not None:
        yield Headline(
            "Regional mean against the truth",
            f"correlation {truth['region_pcc']:.3f}",
            f"The world is simulated: its mean water is missed by "
            f"{truth['region_rmse_mm']:.1f} mm rms, of {truth['region_std_mm']:.1f} "
            "mm.",
        )
    for name, scores in truth.items():
        if isinstance(scores, Mapping) and scores.get("all_nse") is not None:
            yield Headline(
                f"Cells against the truth, {name.replace('_', ' ')}",
                f"NSE {scores['all_nse']:.2f}",
                f"Nash-Sutcliffe efficiency in the simulated world; error "
                f"{scores['all_rmse_mm']:.0f} mm rms.",
            )
