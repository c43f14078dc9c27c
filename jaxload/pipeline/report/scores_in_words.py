"""Scores of a summary as words."""

from collections.abc import Mapping
from typing import Any

__all__ = ["score_lines", "smoothed_scores"]


def smoothed_scores(
    summary: Mapping[str, Any], product: str
) -> tuple[float, dict[str, dict[str, Any]]] | None:
    """Select scores of regions whose water was smoothed as a product is.

    Args:
      summary: Of `summary.json`.
      product: Such as ``"grace"``.

    Returns:
      Radius of the Gaussian [km], and scores by region; None where none was smoothed.
    """
    entry = (summary.get("products") or {}).get(product) or {}
    radius, scores = entry.get("smoothing_km"), entry.get("all")
    return (float(radius), dict(scores)) if radius and scores else None


def score_lines(summary: Mapping[str, Any]) -> list[str]:
    """Write scores of regions against gravimetry, smoothed alike too where they were.

    Args:
      summary: Of `summary.json`.

    Returns:
      Lines of text.
    """
    lines = [
        f"{name}: {_score(score)}" for name, score in summary["evaluation"].items()
    ]
    for product in summary.get("products") or ():
        radius, scores = smoothed_scores(summary, product) or (0.0, {})
        alike = f"smoothed over {radius:g} km as {product} is"
        lines += [f"{name}, {alike}: {_score(x)}" for name, x in scores.items()]
    return lines


def _score(score: Mapping[str, Any]) -> str:
    return (
        f"correlation {_number(score['pcc'])}, NSE {_number(score['nse'])}, "
        f"RMSE {_number(score['rmse_mm'])} mm over {score['months']} months"
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
