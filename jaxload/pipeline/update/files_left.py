"""Files that an update leaves as they were, named, and figures drawn anew."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from jaxload import config, io
from jaxload.pipeline.frozen.kept_state import ABOUT_STATE, STATE_ARRAYS
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.messages import listed
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.report.figures import draw, is_figure, rings
from jaxload.pipeline.results.files import SUMMARY, read_result
from jaxload.pipeline.update.opened_study import OpenedStudy

__all__ = ["describe_earlier", "draw_again"]

logger = logging.getLogger(__name__)

#: Figures of what no day changes.
LASTING = ("kernel", "station_map")


def describe_earlier(
    opened: OpenedStudy, made: Iterable[str], figures: bool
) -> dict[str, Any]:
    """Name the files that stay of the record without later days; warn of results.

    Args:
      opened: The study.
      made: Files that the update writes.
      figures: Whether figures are drawn anew.

    Returns:
      Under ``earlier`` the files and the last day that they have, in plain values;
      empty where there are none.
    """
    names = _earlier(opened.summary["files"], made, figures)
    results = [name for name in names if not is_figure(name)]
    # An update before this one may have left them already.
    before = opened.summary.get("update", {}).get("earlier", {})
    last = before.get("last_day") or str(opened.arrays.epoch.values[-1])[:10]
    if results:
        mapped = "twsa" in opened.study.output.store
        reason = 'output.store has no "twsa", of which they are made'
        logger.warning(
            "%s: of the record until %s still, as %s; run the study again to renew "
            "what is in it",
            listed(results),
            last,
            "an update does not compute it anew" if mapped else reason,
        )
    return {"earlier": {"files": names, "last_day": last} if names else {}}


def draw_again(opened: OpenedStudy, area: StudyArea, clock: Clock) -> None:
    """Draw figures of results as they are now.

    Args:
      opened: The study, whose files are in their places.
      area: The study area.
      clock: Times the stage.
    """
    folder = opened.folder
    summary = io.read_json(folder / SUMMARY)
    outline = rings(area.region)
    with (
        clock.stage("figures") as watch,
        contextlib.closing(
            read_result(folder, summary["files"], outline, summary)
        ) as result,
    ):
        settings = _figures_set(opened.study, summary)
        drawn = draw(result, folder, settings, watch)
    files = list(dict.fromkeys([*summary["files"], *drawn]))
    summary: dict[str, Any] = summary | {"files": files}
    if "update" in summary:
        earlier = summary["update"].get("earlier", {})
        left = _earlier(earlier.get("files", ()), drawn, True)
        earlier = earlier | {"files": left} if left else {}
        summary["update"] = summary["update"] | {"earlier": earlier}
    io.write_json(summary, folder / SUMMARY)


def _figures_set(study: config.Study, summary: Mapping[str, Any]) -> config.Figures:
    """The table of figures by which those of the result were drawn last."""
    table = summary.get("figures")
    if not table:
        return study.figures
    known = {field.name for field in dataclasses.fields(config.Figures)}
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in table.items()
        if name in known
    }
    return config.Figures(**plain)


def _earlier(files: Iterable[str], made: Iterable[str], figures: bool) -> list[str]:
    """Files that were not made and depend on the record, figures only if not drawn."""
    new = {*made, ABOUT_STATE, STATE_ARRAYS}

    def is_lasting(name: str) -> bool:
        return is_figure(name) and (figures or name.split(".")[0] in LASTING)

    return [name for name in files if name not in new and not is_lasting(name)]
