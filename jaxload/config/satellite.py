"""Satellite gravimetry as observations beside the heights."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_zero_or_more
from jaxload.config.sources import Grids

__all__ = ["Gravimetry", "gravimetry_table"]


@dataclasses.dataclass(frozen=True)
class Gravimetry:
    """Monthly water from satellite gravimetry, as observations of the inversion.

    The product is averaged over footprints, cells of `footprint_deg`, and a footprint
    is a mean of the water as the product's filter makes it. Both kinds of observations
    are to be in one frame: products with degree 1 in CF, as by technical note 13, go
    with `earth.frame` "CF". Glacial isostatic adjustment is removed from products and
    heights or from neither; what is left of it is a trend, which `trend` leaves out.

    Attributes:
      files: Monthly TWSA as netCDF, or a list of several centres as `evaluation.grace`;
        with `coefficients` one netCDF file of Stokes coefficients.
      coefficients: Whether the file has changes of Stokes coefficients (clm and slm, or
        cosine and sine, by time, degree and order), which are filtered as set below;
        standard errors in it (cosine_sigma, sine_sigma) give the covariance of the
        footprints.
      smoothing_km: Radius of the Gaussian that the product was smoothed with, where the
        bell has fallen to one half [km]; 0 for mascons.
      max_degree: Last degree of the product's spherical harmonics; 0 for mascons.
      min_degree: First degree of them: 2 where degree 1 is missing.
      footprint_deg: Side of a footprint [degrees of arc].
      sigma_mm: Standard error of a footprint's month [mm], or "estimate" for that with
        the largest evidence.
      trend: Whether linear trends of heights and product are of the same water; if not,
        a difference for each footprint is estimated and left out. Constant differences
        are always left out.
      persistence: "estimate" by how much load and noise persist from day to day and
        year to year, and an error that all stations share, so that months inform days
        and other months; or "none" for days that are independent of each other.
      beyond: "estimate" the standard deviation of water outside the cells, which the
        product's filter lets into the footprints; or "none".
      leave_out_years: Years whose months are left out and predicted, as a check.
    """

    files: Grids = dataclasses.field(default="", metadata=REQUIRED)
    coefficients: bool = False
    smoothing_km: float = 0.0
    max_degree: int = 0
    min_degree: int = 0
    footprint_deg: float = 4.0
    sigma_mm: float | Literal["estimate"] = "estimate"
    trend: bool = False
    persistence: Literal["estimate", "none"] = "estimate"
    beyond: Literal["estimate", "none"] = "estimate"
    leave_out_years: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("files is missing; name the netCDF file of monthly water")
        check_choices(self)
        meaning = "a radius in km, or 0 for mascons"
        check_zero_or_more("smoothing_km", self.smoothing_km, meaning)
        for name in ("max_degree", "min_degree"):
            check_zero_or_more(name, getattr(self, name), "a degree, or 0")
        if self.max_degree and self.min_degree > self.max_degree:
            raise ValueError(
                f"min_degree is {self.min_degree}, max_degree {self.max_degree}; give "
                "the first and the last degree of the product, in this order"
            )
        if self.min_degree and not (self.max_degree or self.smoothing_km):
            raise ValueError(
                "min_degree is that of spherical harmonics; give max_degree too"
            )
        if self.coefficients and not (self.filtered and isinstance(self.files, str)):
            raise ValueError(
                "coefficients are to be one file and need a filter; give smoothing_km "
                "or max_degree"
            )
        if not 0 < self.footprint_deg < 90:
            raise ValueError(
                f"footprint_deg is {self.footprint_deg:g}, expected degrees of arc"
            )
        sigma = self.sigma_mm
        if not isinstance(sigma, str) and not 0 < sigma < math.inf:
            raise ValueError(
                f'sigma_mm is {sigma:g}, expected a positive number, or "estimate"'
            )

    @property
    def filtered(self) -> bool:
        """Whether the product was filtered, unlike mascons."""
        return bool(self.smoothing_km or self.max_degree)


def gravimetry_table(value: str | Gravimetry) -> Gravimetry | None:
    """Complete the setting to a table.

    Args:
      value: As the study has it.

    Returns:
      The table; None where nothing is named.
    """
    if isinstance(value, Gravimetry):
        return value
    return Gravimetry(value) if value else None
