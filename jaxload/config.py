"""Study files: TOML tables to frozen dataclasses of plain values, and back."""

import dataclasses
import datetime
import difflib
import json
import math
import os
import pathlib
import tomllib
import types
import typing
from typing import Any

__all__ = [
    "Earth",
    "Evaluation",
    "Gnss",
    "Inversion",
    "Region",
    "Study",
    "read_study",
    "to_toml",
]


@dataclasses.dataclass(frozen=True)
class Gnss:
    """Table ``[gnss]``: what was observed.

    Attributes:
      files: A folder or a pattern, such as ``"gnss/*.up"``.
      sites: Positions of the stations, for formats that do not hold them.
      start: First day, ISO; that of the data if empty.
      end: Last day, itself included; that of the data if empty.
      sigma: "station" takes the median formal error of each station for all its days,
        "daily" the error of each observation.
      outside: What becomes of a station outside the grid: "error" or "drop".
    """

    files: str = ""
    sites: str = ""
    start: str = ""
    end: str = ""
    sigma: str = "station"
    outside: str = "error"

    def __post_init__(self) -> None:
        _given("gnss.files", self.files)
        _choice("gnss.sigma", self.sigma, ("station", "daily"))
        _choice("gnss.outside", self.outside, ("error", "drop"))
        for name in ("start", "end"):
            _day(f"gnss.{name}", getattr(self, name))
        if self.start and self.end and self.start > self.end:
            raise ValueError(
                f"gnss.start {self.start} is after gnss.end {self.end}; swap them"
            )


@dataclasses.dataclass(frozen=True)
class Region:
    """Table ``[region]``: where water is sought.

    Attributes:
      boundary: Outline, text or GeoJSON.
      spacing: Side of a cell [degrees].
      buffer: Belt of cells around the outline [degrees of arc].
      offset: 0 puts cell centres on multiples of `spacing`, 0.5 cell edges.
    """

    boundary: str = ""
    spacing: float = 0.25
    buffer: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        _given("region.boundary", self.boundary)


@dataclasses.dataclass(frozen=True)
class Earth:
    """Table ``[earth]``: how the ground answers a load.

    Attributes:
      model: "prem", "iasp91", "ak135", or a file with columns r, vp, vs, rho [km, km/s,
        g/cm3].
      frame: Origin of the reference frame: "CE", "CM" or "CF".
      max_degree: Last degree of the loading series.
      disc_radius_km: One disc radius for all cells; 0 takes discs of the cells' areas.
      cells: "disc" everywhere, or "rectangle" for the true outline of the cells near a
        station.
    """

    model: str = "prem"
    frame: str = "CF"
    max_degree: int = 40_000
    disc_radius_km: float = 0.0
    cells: str = "disc"

    def __post_init__(self) -> None:
        _choice("earth.frame", self.frame, ("CE", "CM", "CF"))
        _choice("earth.cells", self.cells, ("disc", "rectangle"))
        if self.cells == "rectangle" and self.disc_radius_km:
            raise ValueError(
                'earth.cells is "rectangle", but earth.disc_radius_km is '
                f"{self.disc_radius_km:g}; give one of them"
            )
        if self.max_degree < 100:
            raise ValueError(
                f"earth.max_degree is {self.max_degree}, expected 100 or more; a disc "
                "of 0.25 degrees needs 10,000"
            )
        if not 0 <= self.disc_radius_km < math.inf:
            raise ValueError(
                f"earth.disc_radius_km is {self.disc_radius_km:g}, expected a positive "
                "radius, or 0 for discs of the cells' areas"
            )


@dataclasses.dataclass(frozen=True)
class Inversion:
    """Table ``[inversion]``: the prior and its weight.

    Attributes:
      boundary: Edge of the Laplacian: "zero", "free" or "edge".
      metric: "grid" for steps of the grid, "sphere" for distances on the sphere.
      beta: Weight of the prior, or "choose" to let `criterion` choose it.
      criterion: "leave-one-out".
      smallest_beta: First of the weights that are tried.
      largest_beta: Last of them.
      beta_count: How many, equally spaced in the logarithm.
    """

    boundary: str = "zero"
    metric: str = "grid"
    beta: float | str = "choose"
    criterion: str = "leave-one-out"
    smallest_beta: float = 1e-3
    largest_beta: float = 1.0
    beta_count: int = 25

    def __post_init__(self) -> None:
        _choice("inversion.boundary", self.boundary, ("zero", "free", "edge"))
        _choice("inversion.metric", self.metric, ("grid", "sphere"))
        _choice("inversion.criterion", self.criterion, ("leave-one-out",))
        if isinstance(self.beta, str):
            _choice("inversion.beta", self.beta, ("choose",))
        elif not 0 < self.beta < math.inf:
            raise ValueError(
                f"inversion.beta is {self.beta:g}, expected a positive number or "
                '"choose"'
            )
        ascending = 0 < self.smallest_beta < self.largest_beta < math.inf
        if not ascending or self.beta_count < 2:
            raise ValueError(
                f"inversion tries {self.beta_count} betas from {self.smallest_beta:g} "
                f"to {self.largest_beta:g}, expected two or more, positive, ascending"
            )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Table ``[evaluation]``: what the result is held against.

    Attributes:
      grace: Monthly TWSA as netCDF; empty for none.
      regions: Outlines to average over, as ``"file"`` or ``"file: NAME, NAME"`` for
        some of the names that a GeoJSON file holds.
      detrend: Whether straight lines are taken out before comparing.
    """

    grace: str = ""
    regions: tuple[str, ...] = ()
    detrend: bool = True


@dataclasses.dataclass(frozen=True)
class Study:
    """A whole study file.

    Attributes:
      gnss: What was observed.
      region: Where water is sought.
      title: For figures and results.
      earth: How the ground answers a load.
      inversion: The prior and its weight.
      evaluation: What the result is held against.
      folder: Against which relative paths are read; not in the file.
    """

    gnss: Gnss
    region: Region
    title: str = "water storage from GNSS"
    earth: Earth = dataclasses.field(default_factory=Earth)
    inversion: Inversion = dataclasses.field(default_factory=Inversion)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)
    folder: str = "."

    def path(self, name: str) -> pathlib.Path:
        """Where a file named in the study lies.

        Args:
          name: A path, absolute or relative to `folder`.
        """
        return pathlib.Path(self.folder) / name


def read_study(path: str | os.PathLike[str], folder: str | None = None) -> Study:
    """Read a study file.

    Args:
      path: A TOML file.
      folder: Against which its relative paths are read; its own folder by default.

    Returns:
      The study, checked.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not TOML, or a key or a value is not understood.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path of the study")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    try:
        study = _build(Study, table, "")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return dataclasses.replace(study, folder=str(folder or path.parent))


def to_toml(study: Study) -> str:
    """Write a study as the text of a TOML file, defaults included.

    Args:
      study: The study.

    Returns:
      The text; `read_study` gives the same study back.
    """
    lines = [f"title = {_literal(study.title)}"]
    for field in dataclasses.fields(study):
        part = getattr(study, field.name)
        if dataclasses.is_dataclass(part):
            lines += ["", f"[{field.name}]"]
            values = dataclasses.asdict(part)  # pyright: ignore[reportArgumentType]
            lines += [f"{key} = {_literal(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # What JSON escapes, a basic string of TOML escapes the same way.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)


def _build(kind: type, table: dict[str, Any], name: str) -> Any:
    """A dataclass from a table, every key and type checked."""
    types_of = typing.get_type_hints(kind)
    types_of.pop("folder", None)
    values = {}
    for key, value in table.items():
        where = f"{name}.{key}" if name else key
        if key not in types_of:
            raise ValueError(_unknown(where, key, list(types_of)))
        wanted = types_of[key]
        if dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise ValueError(f"{where} is {value!r}, expected a table [{where}]")
            values[key] = _build(typing.cast(type, wanted), value, where)
        else:
            values[key] = _plain(where, value, wanted)
    for field in dataclasses.fields(kind):
        defaults = (field.default, field.default_factory)
        required = defaults == (dataclasses.MISSING, dataclasses.MISSING)
        if required and field.name not in values and field.name != "folder":
            raise ValueError(f"the table [{field.name}] is missing; add it")
    return kind(**values)


def _unknown(where: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"{where} is not a known setting; {hint}"


def _plain(where: str, value: Any, wanted: Any) -> Any:
    if isinstance(value, datetime.date):
        value = value.isoformat()
    if typing.get_origin(wanted) is tuple:
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise ValueError(f"{where} is {value!r}, expected a list of strings")
    kinds = (
        typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    )
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) not in kinds:
        names = {
            str: "text",
            float: "a number",
            int: "a whole number",
            bool: "true or false",
        }
        expected = " or ".join(names[kind] for kind in kinds)
        raise ValueError(f"{where} is {value!r}, expected {expected}")
    return value


def _given(name: str, value: str) -> None:
    if not value:
        raise ValueError(f"{name} is missing; say which file")


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{name} is {value!r}, expected {' or '.join(choices)}{hint}")


def _day(name: str, value: str) -> None:
    try:
        if value:
            datetime.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{name} is {value!r}, expected yyyy-mm-dd") from None
