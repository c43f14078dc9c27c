"""The table of a study file for estimating water."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import check_choices, check_zero_or_more
from jaxload.config.satellite import Gravimetry
from jaxload.config.sources import GridSource
from jaxload.config.thermoelastic import Thermoelastic

__all__ = ["FRAME_SETTINGS", "Inversion", "replaced_by_spectra"]

#: What beta can be chosen by.
Criterion = Literal["leave-one-out", "leave-group-out", "gcv", "l-curve", "abic"]

#: Settings of errors of the reference frame.
FRAME_SETTINGS = ("frame_translation_mm", "frame_rotation_mm", "frame_scale_mm")


@dataclasses.dataclass(frozen=True)
class Inversion:
    """Table ``[inversion]``: prior, noise and method of estimation.

    Attributes:
      prior: What the prior penalises: the curvature of the load ("laplacian"), the load
        itself ("identity", ridge), its differences between neighbouring cells
        ("first-differences"); "matern", a load of unit variance whose correlation falls
        with distance, so that 1/beta is its standard deviation [mm]; or "none", which
        needs few `unknowns`, least squares without a prior and a beta. "slepian" and
        "patches" take "identity", with which 1/beta is the standard deviation of the
        load too, or "none".
      boundary: Boundary condition of the Laplacian: "zero" load outside the grid,
        "free" (no gradient across its edge), or "edge", which compares cells of the
        edge with each other as the program GNSS2TWS does.
      metric: Distances in the Laplacian: "grid" counts steps of the grid, "sphere"
        measures on the sphere.
      correlation_length_km: Distance at which the correlation of the prior "matern" has
        fallen to 0.14 [km].
      amplitude: Map of the expected size of the load as netCDF, such as the standard
        deviation of a model, or a record whose standard deviation is taken; text, or a
        table of which files, variable and fill count. The map is divided by its root
        mean square over the cells, so that `beta` sets the overall size. Empty for the
        same size everywhere.
      beta: Weight of the prior, or "choose" to select it by `criterion`.
      criterion: Criterion by which beta is selected: "leave-one-out" and
        "leave-group-out" cross-validation (groups are stations within `block_km`),
        generalised cross-validation ("gcv"), the corner of the "l-curve", or "abic",
        the largest marginal likelihood.
      block_km: Largest distance within a group of stations that are left out together
        [km], for "leave-group-out".
      beta_min: Smallest beta that is tried.
      beta_max: Largest beta that is tried.
      beta_count: Number of betas that are tried, equally spaced in the logarithm.
      common_mode_mm: Standard deviation of a common-mode error that shifts all stations
        of an epoch alike [mm]; 0 for none, "estimate" for that with the largest
        marginal likelihood of the heights without trends and seasons. Without it
        `noise` "independent" leaves out what stations share, and standard errors of
        regional means are several times too small on real heights. With it part of
        the load that is common to the whole region is attributed to it; less of it
        with `correlation_time_days`.
      frame_translation_mm: Standard deviation of errors of the origin of the reference
        frame along each axis at each epoch [mm], with horizontals in `gnss.components`;
        0 for none, "estimate" for that with the largest marginal likelihood of the
        displacement without trends and seasons. What moves the whole network is
        divided between frame and water by their standard deviations.
      frame_rotation_mm: Standard deviation of errors of the orientation of the
        reference frame about each axis at each epoch, with horizontals in
        `gnss.components` [mm at the surface]; a milliarcsecond is 30.9 mm, 0 for none,
        "estimate" for the likeliest.
      frame_scale_mm: Standard deviation of errors of the scale of the reference frame
        at each epoch, with horizontals in `gnss.components` [mm of height]; a part in
        a billion is 6.4 mm, 0 for none, "estimate" for the likeliest.
      noise: "independent" for errors that have no memory: sigma of each station, and a
        common mode, which leaves out of standard errors of means over regions and
        months what stations share and how long it lasts. "network" for white and
        flicker noise of each station, a common mode and regional modes, their spectra
        estimated from the heights by maximum likelihood: the load is told from them by
        place and by period, trend and seasons by place alone. Beta then follows from
        the spectra; needs two years and 128 epochs at equal steps. "auto" for "network"
        where the heights allow it, with 20 stations or more that observe nearly always,
        and where what spectra take the place of (beta, its criterion, a common mode,
        weights and so on) has its default, without horizontals, gravimetry, a plan of
        the network, or gap filling that is not trained jointly; otherwise
        "independent", as in sweeps.
      noise_memory_days: Longest period up to which noise that stations share grows, for
        "network" [days]: slower changes of a whole region are taken for water. Noise
        whose memory is shorter than two epochs is white.
      systematic_season_mm: Root mean square amplitude of annual uplift that is shared
        by stations within about 1000 km and is not of the region's water, such as
        errors of the reference frame, water beyond the buffer, and expansion of the
        ground [mm]; half of it semi-annual. Heights cannot tell it from water: for
        "network" it enlarges standard errors. 0 for none.
      systematic_rate_mm_per_year: Standard deviation of rates of uplift likewise
        [mm/year], for heights that keep their trend.
      station_weights: Whether stations that the others predict badly get a smaller
        weight.
      robust: Loss that reduces the weight of outlying observations: "none", "huber" or
        "student-t".
      correlation_time_days: Lag at which the temporal correlation of the load has
        fallen to 1/e [days]; 0 for epochs that are independent of each other.
      unknowns: What is estimated: the load at all "epochs", or the load patterns of the
        leading principal "components" of the record; or of every epoch the coefficients
        of "slepian" functions, fields of spherical harmonics that are concentrated in
        the study area, or the water of "patches", one per region of
        `evaluation.regions` and one elsewhere.
      components: Number of principal components.
      slepian_degree: Last degree of the Slepian functions.
      slepian_least_concentration: Share of the square of a Slepian function in the
        cells, the belt of `region.buffer` included, below which it is left out [-].
      slepian_smoothing_km: Radius of the Gaussian that smooths maps and means of
        Slepian functions after the inversion [km]; 0 for none.
      grace: Monthly TWSA of satellite gravimetry that is inverted together with the
        heights: the files of mascons, or a table that also describes filtered products.
        Empty for heights alone.
      thermoelastic: Temperature with which ground and monuments expand, by an amplitude
        of each station that is estimated with the water: its files, or a table that
        also has the prior of the amplitudes. Empty for none.
      errors: Which standard errors are computed: those of "cells" and regions, of
        "regions" only, or "none". "auto" computes those of cells if that takes a minute
        at most and those of regions otherwise; it computes none for "components" and
        with `correlation_time_days`, where they are not known.
      precision: "float64", or "float32-refined" for graphics cards whose float64 is
        slow: what is done for each epoch is done in float32. Water is corrected by
        residuals in float64, criteria and standard errors of cells are compared with
        float64 where rounding is worst; what float32 does not give to one part in a
        million is computed in float64, with a warning. Slower on CPUs. Needs
        `gnss.sigma` "station" and epochs that are inverted by themselves.
    """

    prior: Literal["laplacian", "identity", "first-differences", "matern", "none"] = (
        "laplacian"
    )
    boundary: Literal["zero", "free", "edge"] = "zero"
    metric: Literal["grid", "sphere"] = "grid"
    correlation_length_km: float = 0.0
    amplitude: str | GridSource = ""
    beta: float | Literal["choose"] = "choose"
    criterion: Criterion = "leave-one-out"
    block_km: float = 100.0
    beta_min: float = 1e-3
    beta_max: float = 1.0
    beta_count: int = 25
    common_mode_mm: float | Literal["estimate"] = 0.0
    frame_translation_mm: float | Literal["estimate"] = "estimate"
    frame_rotation_mm: float | Literal["estimate"] = "estimate"
    frame_scale_mm: float | Literal["estimate"] = "estimate"
    noise: Literal["auto", "independent", "network"] = "auto"
    noise_memory_days: float = 60.0
    systematic_season_mm: float = 1.0
    systematic_rate_mm_per_year: float = 0.3
    station_weights: bool = False
    robust: Literal["none", "huber", "student-t"] = "none"
    correlation_time_days: float = 0.0
    unknowns: Literal["epochs", "components", "slepian", "patches"] = "epochs"
    components: int = 3
    slepian_degree: int = 80
    slepian_least_concentration: float = 0.1
    slepian_smoothing_km: float = 150.0
    grace: str | Gravimetry = ""
    thermoelastic: str | Thermoelastic = ""
    errors: Literal["auto", "cells", "regions", "none"] = "auto"
    precision: Literal["float64", "float32-refined"] = "float64"

    def __post_init__(self) -> None:
        _check_beta(self)
        check_choices(self, "inversion")
        _check_prior(self)
        _check_noise(self)
        if self.components < 1:
            raise ValueError(
                f"inversion.components is {self.components}, expected 1 or more"
            )
        _check_few_unknowns(self)
        _check_together(self)
        _check_map(self.amplitude)


def _check_prior(settings: Inversion) -> None:
    if settings.boundary == "edge" and settings.metric == "sphere":
        raise ValueError(
            'inversion.boundary "edge" is defined in steps of the grid; use '
            'inversion.metric = "grid"'
        )
    changed = (settings.boundary, settings.metric) != ("zero", "grid")
    if settings.prior != "laplacian" and changed:
        raise ValueError(
            "inversion.boundary and inversion.metric are those of the Laplacian, but "
            f'inversion.prior is "{settings.prior}"; leave them out'
        )
    length = settings.correlation_length_km
    check_zero_or_more("inversion.correlation_length_km", length, "a distance in km")
    if (settings.prior == "matern") != (length > 0):
        raise ValueError(
            f'inversion.prior is "{settings.prior}" with correlation_length_km '
            f'{length:g}; "matern" needs a positive length, and no other prior has one'
        )


def _check_few_unknowns(settings: Inversion) -> None:
    few = settings.unknowns in ("slepian", "patches")
    if few and settings.prior not in ("identity", "none"):
        raise ValueError(
            f'inversion.unknowns "{settings.unknowns}" has no neighbouring cells for '
            f'inversion.prior "{settings.prior}"; use "identity", or "none" for least '
            "squares"
        )
    if settings.prior == "none" and not few:
        raise ValueError(
            'inversion.prior is "none", which leaves every cell undetermined; use it '
            'with inversion.unknowns "slepian" or "patches"'
        )
    if settings.prior == "none" and not isinstance(settings.beta, str):
        raise ValueError(
            f'inversion.beta is {settings.beta:g}, but inversion.prior "none" has no '
            "weight; leave inversion.beta out"
        )
    if settings.slepian_degree < 1:
        raise ValueError(
            f"inversion.slepian_degree is {settings.slepian_degree}, expected 1 or more"
        )
    share, radius = settings.slepian_least_concentration, settings.slepian_smoothing_km
    if not 0 < share < 1:
        raise ValueError(
            f"inversion.slepian_least_concentration is {share:g}, expected a share "
            "between 0 and 1"
        )
    meaning = "a radius in km, or 0 for none"
    check_zero_or_more("inversion.slepian_smoothing_km", radius, meaning)
    if radius > 10_000:
        raise ValueError(
            f"inversion.slepian_smoothing_km is {radius:g}, expected a radius in km "
            "up to 10000, a quarter of the globe"
        )


def _check_beta(settings: Inversion) -> None:
    chosen = isinstance(settings.beta, str)
    positive = not isinstance(settings.beta, str) and 0 < settings.beta < math.inf
    if not positive and settings.beta != "choose":
        value = (
            f'"{settings.beta}"'
            if isinstance(settings.beta, str)
            else f"{settings.beta:g}"
        )
        raise ValueError(
            f'inversion.beta is {value}, expected a positive number, or "choose" to '
            "let inversion.criterion choose it"
        )
    ascending = 0 < settings.beta_min < settings.beta_max < math.inf
    if not ascending or settings.beta_count < 2:
        raise ValueError(
            f"inversion tries {settings.beta_count} betas from {settings.beta_min:g} "
            f"to {settings.beta_max:g}, expected two or more, positive, ascending"
        )
    if chosen and settings.criterion == "l-curve" and settings.beta_count < 5:
        raise ValueError(
            f"inversion.beta_count is {settings.beta_count}, but the corner of an "
            "L-curve needs 5 or more"
        )
    if not 0 < settings.block_km < math.inf:
        raise ValueError(
            f"inversion.block_km is {settings.block_km:g}, expected a positive distance"
        )


def _check_map(amplitude: str | GridSource) -> None:
    """Refuse what would mean nothing for a map without units and times."""
    if isinstance(amplitude, str):
        return
    of_maps = GridSource(amplitude.files, amplitude.variable, fill=amplitude.fill)
    if amplitude != of_maps or not isinstance(amplitude.files, str):
        raise ValueError(
            "inversion.amplitude is one map, of which files (one), variable and fill "
            "count; leave the other keys of its table out"
        )
    if not isinstance(amplitude.variable, str):
        raise ValueError(
            "inversion.amplitude.variable is a list, expected the one that is the map"
        )


def _check_noise(settings: Inversion) -> None:
    common = settings.common_mode_mm
    if not isinstance(common, str):
        meaning = 'a standard deviation in mm, 0 for none, or "estimate"'
        check_zero_or_more("inversion.common_mode_mm", common, meaning)
    if not 0 < settings.noise_memory_days < math.inf:
        raise ValueError(
            f"inversion.noise_memory_days is {settings.noise_memory_days:g}, expected "
            "a positive number of days"
        )
    for name in ("systematic_season_mm", "systematic_rate_mm_per_year"):
        meaning = "a size of errors in mm, 0 for none"
        check_zero_or_more(f"inversion.{name}", getattr(settings, name), meaning)
    for name in FRAME_SETTINGS:
        if not isinstance(size := getattr(settings, name), str):
            meaning = 'a standard deviation in mm, 0 for none, or "estimate"'
            check_zero_or_more(f"inversion.{name}", size, meaning)
    meaning = "a number of days, or 0 for epochs that are independent"
    check_zero_or_more(
        "inversion.correlation_time_days", settings.correlation_time_days, meaning
    )


def _check_together(settings: Inversion) -> None:
    """Refuse what cannot be computed together."""
    unusual = {
        "robust": settings.robust != "none",
        "errors": settings.errors in ("cells", "regions"),
    }
    if settings.precision == "float32-refined":
        each = {
            "robust": settings.robust != "none",
            "correlation_time_days": settings.correlation_time_days > 0,
            'unknowns "components"': settings.unknowns == "components",
        }
        _refuse('inversion.precision "float32-refined"', each)
    if settings.grace:
        each = {
            "correlation_time_days": settings.correlation_time_days > 0,
            'unknowns "components"': settings.unknowns == "components",
        }
        _refuse("inversion.grace", each)
    if settings.thermoelastic:
        each = {
            "correlation_time_days": settings.correlation_time_days > 0,
            "robust": settings.robust != "none",
            'unknowns "components"': settings.unknowns == "components",
            "grace": bool(settings.grace),
        }
        _refuse("inversion.thermoelastic", each)
    if settings.noise == "network":
        _refuse('inversion.noise "network"', replaced_by_spectra(settings))
    if settings.correlation_time_days:
        _refuse("inversion.correlation_time_days", unusual)
    if settings.unknowns in ("slepian", "patches"):
        each = {
            "amplitude": bool(settings.amplitude),
            "grace": bool(settings.grace),
            'noise "network"': settings.noise == "network",
            'precision "float32-refined"': settings.precision != "float64",
            'criterion "l-curve" without a prior': settings.prior == "none"
            and settings.criterion == "l-curve",
        }
        _refuse(f'inversion.unknowns "{settings.unknowns}"', each)
    if settings.unknowns == "components":
        more = {
            "correlation_time_days": settings.correlation_time_days > 0,
            "common_mode_mm": settings.common_mode_mm != 0,
            "station_weights": settings.station_weights,
        }
        _refuse('inversion.unknowns "components"', unusual | more)


def replaced_by_spectra(settings: Inversion) -> dict[str, bool]:
    """Compare settings with what spectra of a network take the place of.

    Args:
      settings: Of an inversion.

    Returns:
      Whether each of these settings is made, by name.
    """
    usual = {field.name: field.default for field in dataclasses.fields(settings)}
    of_beta = ("criterion", "block_km", "beta_min", "beta_max", "beta_count")
    return {name: getattr(settings, name) != usual[name] for name in of_beta} | {
        "robust": settings.robust != "none",
        "common_mode_mm": settings.common_mode_mm != 0,
        "correlation_time_days": settings.correlation_time_days > 0,
        "station_weights": settings.station_weights,
        f'unknowns "{settings.unknowns}"': settings.unknowns != "epochs",
        'precision "float32-refined"': settings.precision != "float64",
        "beta": not isinstance(settings.beta, str),
        "grace": bool(settings.grace),
    }


def _refuse(name: str, others: dict[str, bool]) -> None:
    for other, is_set in others.items():
        if is_set:
            raise ValueError(
                f"{name} cannot be combined with inversion.{other}; leave one of them "
                "out"
            )
