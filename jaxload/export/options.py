"""Settings of an export."""

import dataclasses

__all__ = ["ExportOptions"]


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Settings of an export.

    Attributes:
      by: "epoch" for a band an epoch, "month" for a file with the mean of each month.
      belt: Whether cells of the belt around the region are exported as well.
      overwrite: Whether files that are there already are replaced.
    """

    by: str = "epoch"
    belt: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.by not in ("epoch", "month"):
            raise ValueError(f"by is {self.by!r}, expected 'epoch' or 'month'")
