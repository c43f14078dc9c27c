"""The table of a study file for its figures."""

import dataclasses
from typing import Literal

import numpy as np

from jaxload.config.checks import check_choices

__all__ = ["Figures"]


@dataclasses.dataclass(frozen=True)
class Figures:
    """Table ``[figures]``: what figures of the results look like.

    Attributes:
      format: Format of the files: "png", or "pdf" or "svg" for lines and letters that
        can be scaled; cells of maps are pixels in all of them.
      dates: Dates such as "2017-02-15", of which maps are drawn as twsa_dates, or
        gwsa_dates of groundwater; those of the nearest epochs.
      belt: Whether maps show the belt around the region too, in which water is
        estimated so that it does not spoil the region, and is no result.
    """

    format: Literal["png", "pdf", "svg"] = "png"
    dates: tuple[str, ...] = ()
    belt: bool = False

    def __post_init__(self) -> None:
        check_choices(self, "figures")
        for date in self.dates:
            try:
                np.datetime64(date, "D")
            except ValueError:
                raise ValueError(
                    f'figures.dates has "{date}", which is no date; write dates as '
                    '"2017-02-15"'
                ) from None
