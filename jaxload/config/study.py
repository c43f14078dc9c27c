"""A study file as a whole."""

import dataclasses
import os
import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

from jaxload.config.changes import with_changes
from jaxload.config.drought import Drought
from jaxload.config.figures import Figures
from jaxload.config.gap_filling import Gapfill
from jaxload.config.groundwater import Cleaning, Groundwater, Loads
from jaxload.config.inversion import (
    FRAME_SETTINGS,
    Inversion,
    replaced_by_spectra,
)
from jaxload.config.network import NetworkPlan
from jaxload.config.output import Output
from jaxload.config.renamed import current_settings
from jaxload.config.satellite import gravimetry_table
from jaxload.config.screening import Screening
from jaxload.config.tables import Earth, Evaluation, Gnss, Region
from jaxload.config.values import build_table, read_toml
from jaxload.config.water_balance import WaterBalance
from jaxload.config.weather import Features, Weather, with_named_variables
from jaxload.config.writing import written

__all__ = [
    "Study",
    "allows_network_noise",
    "parse_study",
    "read_study",
    "to_toml",
]


@dataclasses.dataclass(frozen=True)
class Study:
    """A whole study file.

    Attributes:
      gnss: The observed heights.
      region: Where water is estimated.
      title: Title of figures and results.
      institution: Who made the results, for the attributes of their files.
      screening: Stations that do not move as elastic ground under load.
      cleaning: What is done to the heights before anything else.
      loads: Loads whose displacement is removed from the heights.
      earth: The response of the Earth to a load.
      inversion: Prior, noise and method of estimation.
      evaluation: Observations with which the result is compared.
      groundwater: Declares that the remaining water is groundwater, and names what it
        is compared with; without this table water is of all kinds.
      drought: How dry regions and cells are; without this table nothing of it is
        computed.
      water_balance: What storage changes are compared with, and parts of storage;
        without this table nothing of it is computed.
      weather: What drives water, from which cells without a station are filled.
      features: Decomposition of the weather into predictors.
      gapfill: How cells without a station are filled; without this table none is.
      network: Where new stations would determine regions best, and which stations
        matter least; without this table neither is computed.
      output: Which results are written, and in which format.
      figures: What figures of the results look like.
      folder: Folder of relative paths, itself relative to that of the study file.
    """

    gnss: Gnss
    region: Region
    title: str = "water storage from GNSS"
    institution: str = ""
    screening: Screening = dataclasses.field(default_factory=Screening)
    cleaning: Cleaning = dataclasses.field(default_factory=Cleaning)
    loads: Loads = dataclasses.field(default_factory=Loads)
    earth: Earth = dataclasses.field(default_factory=Earth)
    inversion: Inversion = dataclasses.field(default_factory=Inversion)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)
    groundwater: Groundwater | None = None
    drought: Drought | None = None
    water_balance: WaterBalance | None = None
    weather: Weather | None = None
    features: Features = dataclasses.field(default_factory=Features)
    gapfill: Gapfill | None = None
    network: NetworkPlan | None = None
    output: Output = dataclasses.field(default_factory=Output)
    figures: Figures = dataclasses.field(default_factory=Figures)
    folder: str = "."

    def __post_init__(self) -> None:
        if self.inversion.unknowns == "components" and self.gnss.sigma == "daily":
            raise ValueError(
                'gnss.sigma is "daily", but inversion.unknowns "components" inverts '
                'patterns, which have no day; use gnss.sigma = "station"'
            )
        refined = self.inversion.precision == "float32-refined"
        if refined and self.gnss.sigma == "daily":
            raise ValueError(
                'gnss.sigma is "daily", but inversion.precision "float32-refined" '
                'needs one inverse for all epochs; use gnss.sigma = "station", or '
                "leave inversion.precision out"
            )
        _check_network_noise(self)
        _check_horizontals(self)
        _check_few_unknowns(self)
        if self.earth.local and self.network is not None and self.network.refine:
            raise ValueError(
                "network.refine moves new stations over one Earth, but earth.local "
                "has others; leave network.refine out"
            )
        if self.inversion.errors == "cells" and "twsa" not in self.output.store:
            raise ValueError(
                'inversion.errors is "cells", but output.store has no "twsa", with '
                'which they are written; add it, or use inversion.errors = "regions"'
            )
        _check_groundwater(self)
        _check_water(self)
        _check_gap_filling(self)
        _check_gravimetry(self)
        _check_thermoelastic(self)

    def path(self, name: str) -> pathlib.Path:
        """Where a file named in the study lies.

        Args:
          name: A path, absolute, below the home folder (``~``) or relative to `folder`.

        Raises:
          ValueError: If ``~`` names no user's folder.
        """
        try:
            return pathlib.Path(self.folder) / pathlib.Path(name).expanduser()
        except RuntimeError:
            raise ValueError(f"{name} names no user's folder; write it out") from None


def _check_network_noise(study: Study) -> None:
    """Refuse what spectra of a network's noise cannot be estimated with."""
    reason = _without_network_noise(study)
    if study.inversion.noise == "network" and reason:
        raise ValueError(reason)


def _without_network_noise(study: Study) -> str:
    """Why spectra of a network's noise cannot be estimated; empty if they can."""
    if study.gnss.sigma == "daily":
        return (
            'gnss.sigma is "daily", but inversion.noise "network" needs noise that is '
            'the same at all epochs; use gnss.sigma = "station"'
        )
    if study.network is not None:
        return (
            'inversion.noise "network" has no plan of a network, but the study has a '
            'table [network]; leave it out, or use inversion.noise = "independent"'
        )
    filling = study.gapfill
    if filling is not None and not filling.joint:
        return (
            'inversion.noise "network" goes with gapfill.method "joint-load" and '
            f'"joint-displacement", but gapfill.method is "{filling.method}"; use '
            'inversion.noise = "independent"'
        )
    if filling is not None and (filling.grace or filling.wells):
        return (
            'inversion.noise "network" takes no months of gapfill.grace or '
            "gapfill.wells; leave these out, or use inversion.noise = "
            '"independent"'
        )
    return ""


def allows_network_noise(study: Study) -> bool:
    """Whether noise of a network is estimated if the heights allow it.

    Args:
      study: Its `inversion.noise`, and for "auto" what else is set.

    Returns:
      Whether it is.
    """
    settings = study.inversion
    if settings.noise != "auto":
        return settings.noise == "network"
    replaced = any(replaced_by_spectra(settings).values())
    return not (replaced or study.gnss.horizontals or _without_network_noise(study))


def _check_horizontals(study: Study) -> None:
    """Refuse what is not computed with horizontal components."""
    if not study.gnss.horizontals:
        for name in FRAME_SETTINGS:
            if getattr(study.inversion, name) != getattr(Inversion(), name):
                raise ValueError(
                    f"inversion.{name} is set, but errors of the reference frame are "
                    "estimated with horizontals only; leave it out, or use "
                    'gnss.components = ["up", "north", "east"]'
                )
        return
    settings = study.inversion
    unusual = {
        'inversion.noise "network"': settings.noise == "network",
        "inversion.grace": bool(settings.grace),
        "inversion.correlation_time_days": settings.correlation_time_days > 0,
        'inversion.unknowns "components"': settings.unknowns == "components",
        "inversion.robust": settings.robust != "none",
        "inversion.precision": settings.precision != "float64",
        "cleaning.reconstruct": study.cleaning.reconstruct > 0,
        "[gapfill]": study.gapfill is not None,
        "[network]": study.network is not None,
        "[loads]": bool(study.loads.grids or study.loads.displacement),
    }
    for name, is_set in unusual.items():
        if is_set:
            raise ValueError(
                f"gnss.components with horizontals cannot be combined with {name}; "
                'leave it out, or use gnss.components = ["up"]'
            )


def _check_few_unknowns(study: Study) -> None:
    """Refuse what loads of few unknowns do not have."""
    kind, earth = study.inversion.unknowns, study.earth
    if kind not in ("slepian", "patches"):
        return
    unusual = {
        "gnss.components with horizontals": study.gnss.horizontals,
        "the table [network]": study.network is not None,
        "the table [gapfill]": study.gapfill is not None,
    }
    if kind == "slepian":
        unusual |= {
            "earth.local": bool(earth.local),
            "earth.max_distance_deg": earth.max_distance_deg > 0,
            "earth.disc_radius_km": earth.disc_radius_km > 0,
            'earth.cells "rectangle"': earth.cells == "rectangle",
        }
    for name, is_set in unusual.items():
        if is_set:
            raise ValueError(
                f'inversion.unknowns "{kind}" cannot be combined with {name}; leave '
                "one of them out"
            )
    degree = study.inversion.slepian_degree
    if kind == "slepian" and degree > earth.max_degree:
        raise ValueError(
            f"inversion.slepian_degree is {degree}, but earth.max_degree is "
            f"{earth.max_degree}; take a lower one, or more Love numbers"
        )


def _check_groundwater(study: Study) -> None:
    """Refuse to call groundwater what holds soil water too."""
    if study.groundwater is None:
        return
    if not (study.loads.soil or study.loads.displacement):
        raise ValueError(
            "the table [groundwater] says that what is left is groundwater, but "
            "nothing takes soil water out; name loads.soil, or a load in "
            "loads.displacement"
        )
    if study.groundwater.grace and not study.loads.soil:
        raise ValueError(
            "groundwater.grace is compared less its soil water, but loads.soil is "
            "missing; name its grid"
        )


def _check_water(study: Study) -> None:
    """Refuse what needs means over regions, or water of all kinds, without it."""
    for table in ("drought", "water_balance"):
        if getattr(study, table) is not None and "regions" not in study.output.store:
            raise ValueError(
                f"the table [{table}] is about regions, but output.store has no "
                '"regions"; add it'
            )
    if study.water_balance is not None and study.groundwater is not None:
        raise ValueError(
            "the table [water_balance] is about water of all kinds, but with "
            "[groundwater] only groundwater is left; leave one of them out"
        )


def _check_gap_filling(study: Study) -> None:
    """Refuse to fill what cannot be filled, or not be inverted then."""
    filling = study.gapfill
    if filling is None:
        return
    if study.weather is None:
        raise ValueError(
            "the table [gapfill] fills places by their weather, but the table "
            "[weather] is missing; name variables in it, such as temperature and "
            "precipitation"
        )
    if not filling.joint and not study.weather.variables:
        raise ValueError(
            f'gapfill.method "{filling.method}" learns from series, but [weather] has '
            "static fields only; name a variable such as precipitation"
        )
    if study.loads.displacement and not (
        filling.joint or filling.virtual_station_loads
    ):
        raise ValueError(
            "loads.displacement is removed from stations, but "
            "gapfill.virtual_station_loads, the same loads at the middles of the "
            "filled cells, is missing; name their files, or give loads as grids"
        )
    for name, variable in study.weather.variables.items():
        if "decompose" in variable.steps and study.features.method == "none":
            raise ValueError(
                f'weather.{name}.transformation is "decompose", but features.method is '
                '"none"; choose "emd", "eemd" or "meemd"'
            )
    _check_with_gap_filling(study, filling)


def _check_gravimetry(study: Study) -> None:
    """Refuse gravimetry where heights are of less water, or cells are filled."""
    if not study.inversion.grace:
        return
    soil, filling = study.loads.soil or study.loads.displacement, study.gapfill
    unusual = {
        "loads.soil or loads.displacement, which leave less water in the heights": soil,
    }
    if filling is not None:
        unusual |= {
            f'gapfill.method "{filling.method}", which trains no network through the '
            "inversion": not filling.joint,
            "gapfill.grace, which is gravimetry too": filling.grace,
        }
    for name, is_set in unusual.items():
        if is_set:
            raise ValueError(
                f"inversion.grace cannot be combined with {name}; leave one of them out"
            )
    _check_persistence(study)


def _check_persistence(study: Study) -> None:
    """Refuse load that persists beside fields that the prior leaves free."""
    table = gravimetry_table(study.inversion.grace)
    if table is None or table.persistence == "none":
        return
    prior, boundary = study.inversion.prior, study.inversion.boundary
    if prior == "laplacian" and boundary != "zero":
        free, other = f'boundary "{boundary}"', 'inversion.boundary = "zero"'
    elif prior == "first-differences":
        free, other = f'prior "{prior}"', 'inversion.prior = "laplacian"'
    else:
        return
    raise ValueError(
        f"inversion.{free} leaves a constant load free, about which persistence from "
        "month to month cannot be estimated; use inversion.grace.persistence = "
        f'"none" or {other}'
    )


def _check_thermoelastic(study: Study) -> None:
    """Refuse expansion with temperature where rows are no heights of stations."""
    if not study.inversion.thermoelastic:
        return
    unusual = {
        "gnss.components with horizontals": study.gnss.horizontals,
        "the table [gapfill]": study.gapfill is not None,
        "the table [network], whose gains know of no such term": study.network,
    }
    for name, is_set in unusual.items():
        if is_set:
            raise ValueError(
                f"inversion.thermoelastic cannot be combined with {name}; leave one of "
                "them out"
            )


def _check_with_gap_filling(study: Study, filling: Gapfill) -> None:
    unusual = {
        "inversion.correlation_time_days": study.inversion.correlation_time_days > 0,
        'inversion.unknowns "components"': study.inversion.unknowns == "components",
        "[groundwater]": study.groundwater is not None,
        "[network]": study.network is not None,
    }
    if filling.joint:
        unusual |= {
            'gnss.sigma "daily"': study.gnss.sigma == "daily",
            "inversion.robust": study.inversion.robust != "none",
            "inversion.station_weights": study.inversion.station_weights,
            "inversion.precision": study.inversion.precision != "float64",
        }
    for name, is_set in unusual.items():
        if is_set:
            raise ValueError(
                f'gapfill.method "{filling.method}" cannot be combined with {name}; '
                "leave one of them out"
            )


def read_study(
    path: str | os.PathLike[str],
    folder: str | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
) -> Study:
    """Read a study file.

    Args:
      path: A TOML file.
      folder: Against which its relative paths are read; that of its setting `folder`,
        or its own, by default.
      changes: Values of settings that take the place of those in the file, by names
        such as "inversion.beta".

    Returns:
      The study, checked.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not TOML, or a key or a value is not understood.
    """
    path = pathlib.Path(path)
    table = read_toml(path, "study")
    changes = changes or {}
    where = f"{path}, with {', '.join(changes)} changed" if changes else str(path)
    try:
        table = with_changes(current_settings(table, str(path)), changes)
        _check_place_of_components(table)
        study = build_table(Study, with_named_variables(current_settings(table, where)))
    except ValueError as error:
        message = str(error).replace("weather.other.", "weather.")
        raise ValueError(f"{where}: {message}") from None
    place = path.parent / pathlib.Path(study.folder).expanduser()
    return dataclasses.replace(study, folder=str(folder or place))


def parse_study(text: str, folder: str) -> Study:
    """Parse the text of a study.

    Args:
      text: From `to_toml`.
      folder: Against which its relative paths are read.

    Returns:
      The study, checked.

    Raises:
      ValueError: If it is not TOML, or a key or a value is not understood.
    """
    study = build_table(Study, with_named_variables(tomllib.loads(text)))
    return dataclasses.replace(study, folder=folder)


def _check_place_of_components(table: Mapping[str, Any]) -> None:
    """Say where components of displacement belong, of which there are two kinds."""
    settings = table.get("inversion")
    components = settings.get("components") if isinstance(settings, Mapping) else None
    if isinstance(components, list) and any(isinstance(x, str) for x in components):
        raise ValueError(
            "inversion.components is the number of principal components; components "
            'of displacement belong to the table [gnss]: components = ["up", "north", '
            '"east"]'
        )


def to_toml(study: Study) -> str:
    """Write a study as the text of a TOML file, defaults included.

    Args:
      study: The study.

    Returns:
      The text; `read_study` gives the same study back.
    """
    return written(study)
