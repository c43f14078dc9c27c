"""Files of series of a study, with how they are read."""

import os

from jaxload import config, io

__all__ = ["series_files", "series_sizes"]


def series_files(study: config.Study) -> list[io.GnssFiles]:
    """Turn the settings of files of series into options of their reader.

    Args:
      study: The study; its table ``[gnss]`` counts.

    Returns:
      The files of each entry.

    Raises:
      ValueError: If a unit or a way to write time is not known.
    """
    try:
        return [_files(study, source) for source in study.gnss.sources]
    except ValueError as error:
        raise ValueError(f"gnss.{error}") from None


def series_sizes(study: config.Study) -> dict[str, int]:
    """Find how large files of series are.

    Args:
      study: The study; its table ``[gnss]`` counts.

    Returns:
      Bytes by the path of each file from the folder of the study.

    Raises:
      FileNotFoundError: If there is no file.
    """
    return {
        os.path.relpath(path, study.folder): path.stat().st_size
        for path in io.containers_of_series(series_files(study))
        if path.is_file()
    }


def _files(study: config.Study, source: config.SeriesSource) -> io.GnssFiles:
    reading = io.Reading(
        format=_columns(source) or source.format or None,
        units=source.units or None,
        sigma=source.missing_sigma or None,
        time_format=source.time_format,
        same_day=source.same_day,
        strict=study.gnss.strict,
    )
    return io.GnssFiles([study.path(name) for name in source.paths], reading)


def _columns(source: config.SeriesSource) -> io.Columns | None:
    stated = source.columns
    if stated is None:
        return None
    return io.Columns(
        up=stated.up,
        units=stated.units or source.units,
        time=stated.time,
        time_format=stated.time_format or source.time_format,
        up_sigma=_column(stated.up_sigma),
        north=_column(stated.north),
        north_sigma=_column(stated.north_sigma),
        east=_column(stated.east),
        east_sigma=_column(stated.east_sigma),
        station=_column(stated.station),
        lon=_column(stated.lon),
        lat=_column(stated.lat),
        delimiter=None if stated.delimiter == " " else stated.delimiter,
        decimal=stated.decimal,
        skip=stated.skip,
        footer=stated.footer,
    )


def _column(name: str | int) -> str | int | None:
    """A column, or None for one that is not there."""
    return None if name == "" else name
