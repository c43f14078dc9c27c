"""What the columns of tables of wells are: by their names, units and comments."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxload.io.gnss.options import DAY_FORMATS, check_time_format, check_units
from jaxload.io.text.lines import COMMENT, data_lines, read_lines
from jaxload.io.text.table import Table, table_of_rows
from jaxload.io.text.words import has_decimal_comma, shorten, split_row

__all__ = ["SIGNS", "WellColumns", "WellTable", "read_well_table"]

#: Signs that turn a rise of the number into a rise of the water table.
SIGNS = {"level": 1.0, "depth": -1.0}

#: Names of ways to write days; decimal years are of the calendar.
TIMES = ("decimal_year", *DAY_FORMATS)

#: What columns are called, in lower case, without units, parted by "_".
NAMES = {
    "well": (
        *("well", "well_id", "wellid", "well_name", "well_no", "site_no", "site_code"),
        *("site_id", "monitoring_location_id", "site", "station", "id", "name"),
        *(
            "编号",
            "井号",
            "井名",
            "井编号",
            "监测井",
            "测井",
            "站码",
            "测站编码",
            "测站",
        ),
    ),
    "time": (
        *("date", "datetime", "date_time", "time", "timestamp", "lev_dt", "msmt_date"),
        *("observation_date", "measurement_date", "day", "decimal_year", "mjd"),
        *("日期", "时间", "观测日期", "观测时间", "监测日期", "监测时间"),
    ),
    "depth": (
        *("depth", "dtw", "depth_to_water", "depth_to_groundwater", "lev_va"),
        *("depth_below_surface", "water_depth", "groundwater_depth", "gse_gwe"),
        *("埋深", "水位埋深", "地下水埋深", "地下水位埋深"),
    ),
    "level": (
        *("level", "head", "hydraulic_head", "gwe", "sl_lev_va", "water_elevation"),
        *("groundwater_elevation", "water_table_elevation", "water_level_elevation"),
        *("水位", "地下水位", "水位标高", "水位高程", "水头"),
    ),
    "specific_yield": ("specific_yield", "sy", "给水度"),
    "lon": ("lon", "long", "longitude", "dec_long_va", "经度"),
    "lat": ("lat", "latitude", "dec_lat_va", "纬度"),
}

#: Codes of the parameters of the USGS in names of columns: depths and levels in feet.
_USGS = {"72019": "depth", "61055": "depth"}
_USGS |= dict.fromkeys(("62610", "62611", "72020", "72150", "62600"), "level")
_CODE = re.compile(r"\d+_(\d{5})(?:_(\d{5}))?")

#: The statistic of a mean, which is better than that of a day's extreme.
_MEAN = "00003"

_FORMAT = re.compile(r"\d+[sdnSDN]")
_BRACKETS = re.compile(r"[\[(（]([^\[\]()（）]{0,30})[\])）]")
_SUFFIX = re.compile(r"[_\s](?:in[_\s])?(mm|cm|m|ft|feet|meters?|metres?)\.?$", re.I)
_FEET = re.compile(r"\b(?:feet|ft)\b", re.I)
_UNITS_HERE = {"米": "m", "厘米": "cm", "毫米": "mm", "公尺": "m"}


@dataclasses.dataclass(frozen=True)
class WellColumns:
    """Names of the columns of a table of wells that are not among the usual ones.

    Attributes:
      well: Name or number of the well.
      time: The day.
      value: Depth or level.
      quantity: "depth" below the ground or "level" above anything; by default what
        the column is called.
      specific_yield: Specific yield of each well, if there is such a column.
      lon: Longitude [degrees], likewise.
      lat: Latitude [degrees], likewise.
      time_format: A pattern, such as "%d/%m/%Y", or a name, such as "decimal_year" or
        "mjd", one of `TIMES`; empty for any day that has one meaning,
        such as 2010-01-31, 2010/1/31 or 2010.0833.
      units: Units of the value: "m", "feet" or any other of length; empty for those
        that the file states, or metres.
      delimiter: What parts the columns; empty to recognise it.
    """

    well: str = ""
    time: str = ""
    value: str = ""
    quantity: str = ""
    specific_yield: str = ""
    lon: str = ""
    lat: str = ""
    time_format: str = ""
    units: str = ""
    delimiter: str = ""

    def __post_init__(self) -> None:
        if self.units:
            check_units(self.units, "WellColumns.units")
        check_time_format(self.time_format, "WellColumns.time_format", TIMES)
        if self.quantity not in ("", *SIGNS):
            raise ValueError(
                f"WellColumns.quantity is {self.quantity!r}, expected one of "
                f"{', '.join(SIGNS)}"
            )


class WellTable(NamedTuple):
    """A table and where it has what.

    Attributes:
      table: Its rows.
      place: Position of the columns "well", "time" and "value", and as far as there
        are "specific_yield", "lon" and "lat".
      names: What those are called in the file.
      quantity: "depth" or "level".
      units: Units of the value that the file states; empty if it does not.
      decimal: The decimal sign.
    """

    table: Table
    place: dict[str, int]
    names: dict[str, str]
    quantity: str
    units: str
    decimal: str


def read_well_table(path: pathlib.Path, columns: WellColumns) -> WellTable:
    """Read a table of wells: csv of any delimiter, or RDB of the USGS.

    Args:
      path: The file.
      columns: What its columns are called, if they are called unusually.

    Returns:
      The table.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it does not parse, or a column is missing or there twice.
    """
    lines = read_lines(path)
    numbered = list(data_lines(lines))
    delimiter = columns.delimiter or _delimiter(numbered[0][1] if numbered else "")
    mark = None if delimiter == " " else delimiter
    split = [(number, split_row(line, mark)) for number, line in numbered]
    (first, header), *rows = split or [(0, [])]
    if rows and all(map(_FORMAT.fullmatch, rows[0][1])):
        rows = rows[1:]
    if rows and all(len(row) == len(header) + 1 for _, row in rows):
        header = ["", *header]  # R leaves out the name of the column of row names
    roles = _roles(path, header, columns)
    place = {role: header.index(name) for role, name in roles.items()}
    quantity = _quantity(path, roles.pop("value"), columns)
    value = header[place["value"]]
    comments = [line for line in lines[:first] if line.lstrip()[:1] in COMMENT]
    return WellTable(
        table_of_rows(path, rows, (len(header),), ", as in the header"),
        place,
        {role: header[index] for role, index in place.items()},
        quantity,
        _units(value, comments),
        "," if delimiter == ";" and any(has_decimal_comma(r) for _, r in rows) else ".",
    )


def _delimiter(header: str) -> str:
    counts = {sign: header.count(sign) for sign in ("\t", ",", ";", "|")}
    most = max(counts, key=lambda sign: counts[sign])
    return most if counts[most] else " "


def _roles(
    path: pathlib.Path, header: list[str], columns: WellColumns
) -> dict[str, str]:
    """Names in the header by what they are."""
    roles: dict[str, str] = {}
    for role in ("well", "time", "specific_yield", "lon", "lat"):
        wanted = getattr(columns, role)
        if wanted and wanted not in header:
            raise ValueError(f"{path} has no column {wanted!r}; {_listed(header)}")
        name = wanted or _by_name(header, role)
        if name:
            roles[role] = name
    needed = {"well": "well", "time": "date"}
    absent = [name for role, name in needed.items() if role not in roles]
    if absent:
        raise ValueError(f"{path} has no column {', '.join(absent)}; {_listed(header)}")
    roles["value"] = _value(path, header, columns)
    return roles


def _listed(header: list[str]) -> str:
    return (
        f"it has {shorten(', '.join(header))}; say what they are called, in a study as "
        'wells = { files = "...", well = "...", time = "..." }'
    )


def _by_name(header: list[str], role: str) -> str:
    """The name in the header that is most usual for a role."""
    plain = {_plain(name): name for name in reversed(header) if name}
    return next((plain[word] for word in NAMES[role] if word in plain), "")


def _plain(name: str) -> str:
    """A name in lower case without units, its words parted by "_"."""
    name = _SUFFIX.sub("", _BRACKETS.sub(" ", name).strip())
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def _value(path: pathlib.Path, header: list[str], columns: WellColumns) -> str:
    if columns.value:
        if columns.value in header:
            return columns.value
        raise ValueError(
            f"{path} has 0 of the columns {columns.value}, expected one; "
            f"{_listed(header)}"
        )
    wanted = [columns.quantity] if columns.quantity else list(SIGNS)
    known = [name for name in header if _what(name) in wanted]
    means = [name for name in known if _statistic(name) == _MEAN]
    known = means or known
    # Tables of the USGS have both, of which one is empty as a rule.
    if "lev_va" in known:
        known = ["lev_va"]
    if len(known) != 1:
        raise ValueError(
            f"{path} has {len(known)} of the columns level, depth, expected one; say "
            "which holds the water table, in a study as wells = { files = "
            '"...", value = "...", quantity = "depth" }'
        )
    return known[0]


def _what(name: str) -> str:
    """Whether a name is that of a depth or a level; empty if of neither."""
    code = _CODE.fullmatch(name)
    if code:
        return _USGS.get(code[1], "")
    plain = _plain(name)
    for quantity in SIGNS:
        if plain in NAMES[quantity]:
            return quantity
    if re.match(r"depth_to_(ground)?water|(ground)?water_level_below", plain):
        return "depth"
    above = r"(ground)?water_(level|surface|table)?_?(elevation|above_|relative_to)"
    return "level" if re.match(above, plain) else ""


def _statistic(name: str) -> str:
    code = _CODE.fullmatch(name)
    return (code[2] or "") if code else ""


def _quantity(path: pathlib.Path, value: str, columns: WellColumns) -> str:
    quantity = columns.quantity or _what(value)
    if not quantity:
        raise ValueError(
            f"{path} does not say whether {value!r} is a depth or a level; give "
            'quantity, in a study as wells = { files = "...", quantity = "depth" }'
        )
    return quantity


def _units(value: str, comments: Sequence[str]) -> str:
    """Units by the name of the column, or by the comment that explains it."""
    if _CODE.fullmatch(value):
        return "feet"
    for bracket in _BRACKETS.findall(value):
        unit = _UNITS_HERE.get(bracket.strip()) or bracket.strip()
        if _is_length(unit):
            return unit
    suffix = _SUFFIX.search(_BRACKETS.sub("", value))
    if suffix:
        return suffix[1]
    words = [line for line in comments if re.search(rf"\b{re.escape(value)}\b", line)]
    return "feet" if any(map(_FEET.search, words)) else ""


def _is_length(unit: str) -> bool:
    try:
        return check_units(unit, "units") > 0
    except ValueError:
        return False
