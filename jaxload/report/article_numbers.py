"""Numbers that articles published, beside those of a result."""

from collections.abc import Iterator, Mapping
from typing import Any

from jaxload.demo.published_table import published_rows

__all__ = ["published_numbers"]

#: Articles by the method of filling, and that of groundwater.
CITED = {
    "mllim": "Remote Sensing 13 (2021), 3358, doi:10.3390/rs13173358",
    "dwlim": "Remote Sensing 14 (2022), 535, doi:10.3390/rs14030535",
    "groundwater": "Remote Sensing 14 (2022), 4032, doi:10.3390/rs14164032",
}

#: Scores of stations that are predicted from others, as an article has them.
FILLING = {
    "mean_pcc": "stations predicted from others: mean correlation",
    "largest_pcc": "stations predicted from others: largest correlation",
    "share_of_pcc_above_0.5": "share of stations with a correlation above 0.5",
    "share_of_rmse_below_5_mm": "share of stations with an error below 5 mm",
    "share_of_rmse_below_6_mm": "share of stations with an error below 6 mm",
}

#: Changes against stations alone, as an article has them.
CHANGES = {
    "pcc": "correlation of regions, change against stations alone [%]",
    "r2": "R\u00b2 of regions, change against stations alone [%]",
    "nse": "NSE of regions, change against stations alone [%]",
    "rmse_mm": "RMSE of regions, change against stations alone [%]",
}

#: Of whose data the numbers are.
BEWARE = (
    "The article's numbers are of its own stations and years, and need not be reached "
    "with others."
)


def published_numbers(
    summary: Mapping[str, Any],
) -> Iterator[tuple[str, str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Set the numbers of a result beside those of the article of its method.

    Args:
      summary: Of `summary.json`.

    Yields:
      Name, meaning, columns and rows of a table.
    """
    filling = summary.get("filling") or {}
    gain = summary.get("gain_over_stations_only") or {}
    rows = [
        *_beside(FILLING, filling, filling.get("article") or {}),
        *_beside(
            CHANGES,
            gain.get("mean_change_percent") or {},
            gain.get("article_change_percent") or {},
        ),
    ]
    if rows:
        cited = CITED.get(str(filling.get("method")), "its article")
        meaning = f"Article: {cited}. {BEWARE}"
        yield "published_filling", meaning, ("quantity", "here", "article"), rows
    if "station_statistics" in summary and "lag_months" in summary:
        columns = (
            "quantity",
            *(f"here: {part}" for part in ("least", "median", "largest")),
            *(f"article: {part}" for part in ("least", "largest")),
        )
        meaning = f"Article, at its 12 or 15 stations: {CITED['groundwater']}. {BEWARE}"
        known = [
            (row.label, *ours, row.least, row.most)
            for row, ours in published_rows(summary)
            if ours is not None
        ]
        yield "published_groundwater", meaning, columns, known


def _beside(
    labels: Mapping[str, str], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    return [
        (label, ours.get(key), theirs[key])
        for key, label in labels.items()
        if key in theirs
    ]
