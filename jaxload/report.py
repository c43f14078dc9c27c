"""What a result holds, in words."""

import os
import pathlib
from typing import Any

from jaxload import io

__all__ = ["describe"]


def describe(folder: str | os.PathLike[str]) -> list[str]:
    """Describe the results in a folder.

    Args:
      folder: Where `pipeline.run` wrote.

    Returns:
      Lines of text.

    Raises:
      FileNotFoundError: If there is no result.
      ValueError: If a file is broken.
    """
    folder = pathlib.Path(folder)
    lines = _summarise(folder / "summary.json")
    for path in sorted(folder.glob("*.nc")):
        with io.read_dataset(path) as dataset:
            sizes = ", ".join(f"{dim} {size}" for dim, size in dataset.sizes.items())
            names = ", ".join(map(str, dataset.data_vars))
        lines.append(f"{path.name}: {names} ({sizes})")
    pictures = sorted(path.name for path in folder.glob("*.png"))
    return [*lines, f"figures: {', '.join(pictures) or 'none'}"]


def _summarise(path: pathlib.Path) -> list[str]:
    summary = io.read_json(path)
    try:
        return [str(summary["title"]), *_numbers(summary), *_scores(summary)]
    except (LookupError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, LookupError) else "not a table"
        raise ValueError(
            f"{path} does not describe a result ({reason}); was it written by "
            "jaxload run?"
        ) from None


def _numbers(summary: dict[str, Any]) -> list[str]:
    seconds = summary["seconds"]
    signal, misfit, left_out = (
        _number(summary[f"{name}_rms_mm"])
        for name in ("signal", "misfit", "leave_one_out")
    )
    return [
        f"{summary['stations']} stations, {summary['cells']} cells, "
        f"{summary['epochs']} epochs from {summary['first_day']} to "
        f"{summary['last_day']}",
        f"beta {summary['beta']:.3g}; rms of signal {signal} mm, misfit {misfit} mm, "
        f"leave-one-out {left_out} mm",
        f"{seconds['total']:.1f} s, {summary['peak_memory_gib']:.1f} GiB on "
        f"{summary['device']}; jaxload {summary['versions']['jaxload']}, "
        f"jax {summary['versions']['jax']}",
    ]


def _scores(summary: dict[str, Any]) -> list[str]:
    return [
        f"{name}: correlation {_number(score['pcc'])}, NSE {_number(score['nse'])}, "
        f"RMSE {_number(score['rmse_mm'])} mm over {score['months']} months"
        for name, score in summary["evaluation"].items()
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
