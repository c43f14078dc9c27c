"""Files that hold no text of data, recognised by their beginning."""

import re

__all__ = ["ENOUGH", "WEB_PAGE", "what_it_is", "what_stands_for_netcdf"]

#: What a sentence about a web page begins with.
WEB_PAGE = "a web page"

BINARY = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"CDF\x01": "netCDF that is packed or under a name of text",
    b"CDF\x02": "netCDF that is packed or under a name of text",
    b"CDF\x05": "netCDF that is packed or under a name of text",
    b"\x89HDF": "HDF5 or netCDF, but packed or under a name of text",
    b"GRIB": "GRIB",
    b"MATLAB 5.0": "a file of MATLAB",
    b"\x7fELF": "a program",
}

#: What people give in place of netCDF, and what makes netCDF of it.
NOT_NETCDF = {
    b"\x1f\x8b": "packed by gzip; unpack it",
    b"BZh": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"\x1f\x9d": "packed by compress; unpack it",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"GRIB": "GRIB; make netCDF of it, as grib_to_netcdf and cfgrib do",
    b"II*\x00": "a TIFF picture; make netCDF of it, as gdal_translate does",
    b"MM\x00*": "a TIFF picture; make netCDF of it, as gdal_translate does",
    b"\x0e\x03\x13\x01": "HDF4; make netCDF of it, as ncl_convert2nc does",
}

#: How much is enough to know a web page by [characters].
ENOUGH = 4096

_PAGE = ("<!doctype html", "<html", "<head", "<body", "<title", "<script", "<meta")
_MARKUP = ("<?xml", "<!--", "<!doctype")
_TITLE = re.compile(r"<title[^>]{0,99}>\s{0,99}([^<]{1,80})", re.IGNORECASE)
#: What servers answer in plain text.
_REFUSAL = re.compile(
    r"(?:HTTP\S{0,6}|error:?|status:?)?\s{0,3}([45]\d\d:?\s{1,3}(?:-\s)?"
    r"(?:bad|unauthori[sz]ed|forbidden|not found|internal|service|gateway|too many)"
    r"[^\r\n]{0,40})",
    re.IGNORECASE,
)


def what_it_is(start: bytes) -> str:
    """Name the kind of a file that holds no data in text.

    Args:
      start: Its first bytes, unpacked.

    Returns:
      What it is, and what to do; "" if it may be data.
    """
    for magic, name in BINARY.items():
        if start.startswith(magic):
            return f"{name}, expected a table in text"
    text = start[:ENOUGH].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("version https://git-lfs"):
        return "a pointer of Git LFS, which 'git lfs pull' replaces"
    page = _page(text)
    return f"{WEB_PAGE}{page} saved as data; fetch the file again" * bool(page)


def what_stands_for_netcdf(start: bytes) -> str:
    """Name the kind of a file that should be netCDF.

    Args:
      start: Its first bytes.

    Returns:
      What it is, and what to do; "" if that is not known.
    """
    for magic, name in NOT_NETCDF.items():
        if start.startswith(magic):
            return name
    what = what_it_is(start)
    return "" if what.endswith("in text") else what


def _page(text: str) -> str:
    """The title of a web page, or of what a server says; "" if it is neither."""
    lower = text.lower()
    refusal = _REFUSAL.match(text) if len(text) < ENOUGH else None
    if refusal:
        return f" ('{' '.join(refusal[1].split())}')"
    marked = lower.startswith(_MARKUP) and ("<html" in lower or "<error>" in lower)
    if not (lower.startswith(_PAGE) or marked):
        return ""
    title = _TITLE.search(text) or re.search(r"<Code>([^<]{1,80})", text)
    return f" ('{' '.join(title[1].split())}')" if title else " without a title"
