"""The table of a study file for drought."""

import dataclasses
import math

from jaxload.config.checks import check_at_least, check_zero_or_more
from jaxload.config.sources import Grids

__all__ = ["Drought"]

#: The longest time scale [months].
LONGEST = 48


@dataclasses.dataclass(frozen=True)
class Drought:
    """Table ``[drought]``: how dry regions and cells are, as indices and probabilities.

    With this table, even an empty one, the files drought.nc, drought.csv and
    regions_monthly.csv are written. Probabilities follow from the standard errors of
    regional means, so that `inversion.errors` must not be "none" for them.

    Attributes:
      scales: Time scales of the standardised index [months], each from 1 to 48: the
        mean over so many months is ranked among the same months of other years.
      cell_scales: Time scales of maps of that index [months]; empty for no maps.
      climatology: Monthly water storage of a longer record, as in `evaluation.grace`,
        among whose years months are ranked; those of the study itself if empty. Its
        anomalies are brought to the mean of the study over the months of both.
      match_amplitude: Whether the anomalies of `climatology` are multiplied to vary as
        much as the water of the study over the months of both, for smoothed records.
      draws: Number of draws from the errors, for probabilities and events.
      seed: Seed of the draws.
      limit: The largest index that is a drought in the list of events, negative.
      least_months: Months that a drought of that list lasts at least.
      error_memory_days: Time after which the correlation of the errors of regional
        means is 1/e [days], for their monthly means, here and in ``[water_balance]``; 0
        for independent days, which makes monthly errors too small where stations have
        noise with a memory.
    """

    scales: tuple[int, ...] = (1, 3, 6, 12, 24)
    cell_scales: tuple[int, ...] = (1, 12)
    climatology: Grids = ""
    match_amplitude: bool = False
    draws: int = 1000
    seed: int = 0
    limit: float = -0.8
    least_months: int = 3
    error_memory_days: float = 0.0

    def __post_init__(self) -> None:
        if not self.scales:
            raise ValueError("drought.scales is empty; name time scales, as [1, 12]")
        for name in ("scales", "cell_scales"):
            _check_scales(f"drought.{name}", getattr(self, name))
        if self.match_amplitude and not self.climatology:
            raise ValueError(
                "drought.match_amplitude is about drought.climatology, which is "
                "missing; name it, or leave match_amplitude out"
            )
        for name, least in (("draws", 2), ("seed", 0), ("least_months", 1)):
            check_at_least(f"drought.{name}", getattr(self, name), least)
        if not -math.inf < self.limit < 0:
            raise ValueError(
                f"drought.limit is {self.limit:g}, expected a negative index"
            )
        check_zero_or_more(
            "drought.error_memory_days",
            self.error_memory_days,
            "days, or 0 for errors of independent days",
        )


def _check_scales(name: str, scales: tuple[int, ...]) -> None:
    for scale in scales:
        if not 1 <= scale <= LONGEST:
            raise ValueError(f"{name} has {scale}, expected 1 to {LONGEST} months")
    if len(set(scales)) < len(scales):
        raise ValueError(f"{name} names a time scale twice; name each once")
