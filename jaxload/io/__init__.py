"""Files to labelled arrays and back; the only place where units are converted."""

from jaxload.io.cache import ArrayCache
from jaxload.io.displacement.read import read_loading
from jaxload.io.earth.love_tables import read_love_numbers
from jaxload.io.earth.profiles import EarthProfile, read_earth_profile
from jaxload.io.events.offsets import is_of, offset_days, read_offsets
from jaxload.io.files.folders import (
    FolderInUseError,
    locked_folder,
    prepare_folder,
    remove_left_overs,
)
from jaxload.io.files.writing import write_text
from jaxload.io.gnss.candidate_lists import CandidateList, read_candidates
from jaxload.io.gnss.later_readings import containers_of_series
from jaxload.io.gnss.network import read_gnss, write_gnss, write_up
from jaxload.io.gnss.options import Columns, GnssFiles, Reading
from jaxload.io.gnss.site_lists import read_sites
from jaxload.io.gnss.station_flags import read_station_flags
from jaxload.io.gravity.icgem import read_icgem
from jaxload.io.gravity.level2 import read_level2
from jaxload.io.gravity.stokes_netcdf import read_stokes, write_stokes
from jaxload.io.gravity.technical_notes import (
    match_months,
    read_tn07,
    read_tn13,
    read_tn14,
)
from jaxload.io.grids.centre_mean import (
    STORAGES,
    mean_of_centres,
    remove_baseline,
    storage_anomaly,
)
from jaxload.io.grids.headers import GridHeader, read_grid_header
from jaxload.io.grids.land_sea import read_land
from jaxload.io.grids.lazily import loaded_values
from jaxload.io.grids.maps import read_map
from jaxload.io.grids.open import GridSettings
from jaxload.io.grids.periods import (
    Periods,
    align_times,
    centred_periods,
    month_periods,
    period_means,
    week_periods,
)
from jaxload.io.grids.read import read_grid
from jaxload.io.grids.resample import on_one_turn, regrid, sample_grid, square_cells
from jaxload.io.grids.spans import Spans, parse_span, span_remark, stamped_spans
from jaxload.io.grids.times import mid_times
from jaxload.io.outlines.read import read_region, read_regions
from jaxload.io.region_tables import (
    RegionTable,
    WaterUnits,
    read_region_table,
    water_units,
)
from jaxload.io.results import (
    check_whole,
    is_result,
    read_dataset,
    read_json,
    require_netcdf,
    write_dataset,
    write_figure,
    write_json,
)
from jaxload.io.schema import GNSS, WATER, check_dataset, grid_layout, label_dataset
from jaxload.io.wells.read import WellColumns, read_wells

__all__ = [
    "GNSS",
    "STORAGES",
    "WATER",
    "ArrayCache",
    "CandidateList",
    "Columns",
    "EarthProfile",
    "FolderInUseError",
    "GnssFiles",
    "GridHeader",
    "GridSettings",
    "Periods",
    "Reading",
    "RegionTable",
    "Spans",
    "WaterUnits",
    "WellColumns",
    "align_times",
    "centred_periods",
    "check_dataset",
    "check_whole",
    "containers_of_series",
    "grid_layout",
    "is_of",
    "is_result",
    "label_dataset",
    "loaded_values",
    "locked_folder",
    "match_months",
    "mean_of_centres",
    "mid_times",
    "month_periods",
    "offset_days",
    "on_one_turn",
    "parse_span",
    "period_means",
    "prepare_folder",
    "read_candidates",
    "read_dataset",
    "read_earth_profile",
    "read_gnss",
    "read_grid",
    "read_grid_header",
    "read_icgem",
    "read_json",
    "read_land",
    "read_level2",
    "read_loading",
    "read_love_numbers",
    "read_map",
    "read_offsets",
    "read_region",
    "read_region_table",
    "read_regions",
    "read_sites",
    "read_station_flags",
    "read_stokes",
    "read_tn07",
    "read_tn13",
    "read_tn14",
    "read_wells",
    "regrid",
    "remove_baseline",
    "remove_left_overs",
    "require_netcdf",
    "sample_grid",
    "span_remark",
    "square_cells",
    "stamped_spans",
    "storage_anomaly",
    "water_units",
    "week_periods",
    "write_dataset",
    "write_figure",
    "write_gnss",
    "write_json",
    "write_stokes",
    "write_text",
    "write_up",
]
