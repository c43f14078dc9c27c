"""Tables in which a column marks some of the stations."""

import pathlib

from jaxload.io.files.paths import PathLike
from jaxload.io.text.lines import read_lines
from jaxload.io.text.words import find_mark, split_row, width_error

__all__ = ["read_station_flags"]

#: What the column of names may be called; the first column otherwise.
STATION = ("station", "site", "name", "code", "id", "sta")

#: Words that mark a station, and that do not.
YES = {"1", "yes", "y", "true", "t"}
NO = {"0", "no", "n", "false", "f", "", "-"}


def read_station_flags(path: PathLike, column: str) -> dict[str, bool]:
    """Read which stations a column of a table marks.

    Args:
      path: A text file whose first line names the columns; behind a "#" or not, parted
        by commas, semicolons, tabs or blanks.
      column: Name of the column, with 1 and 0, yes and no, or true and false.

    Returns:
      Whether each station is marked, by upper-cased name.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If there is no such column, a line has other columns, a word is no
        flag, or two lines contradict each other; the message names the line.
    """
    path = pathlib.Path(path)
    rows = [
        (number, line)
        for number, line in enumerate(read_lines(path), start=1)
        if line.strip()
    ]
    if not rows:
        raise ValueError(f"{path} is empty, expected a line with names of columns")
    header = rows[0][1].lstrip().removeprefix("#").strip()
    mark = find_mark(header)
    names = [word.lower() for word in split_row(header, mark)]
    if column.strip().lower() not in names:
        raise ValueError(
            f"{path} line {rows[0][0]} names the columns {', '.join(names)}, but not "
            f"{column}; name one of these"
        )
    index = names.index(column.strip().lower())
    station = next((names.index(word) for word in STATION if word in names), 0)
    flags: dict[str, bool] = {}
    for number, line in rows[1:]:
        if line.lstrip().startswith("#"):
            continue
        words, where = split_row(line, mark), f"{path} line {number}"
        if len(words) != len(names):
            raise width_error(where, len(words), f"{len(names)} as in the header")
        name, word = words[station].upper(), words[index].lower()
        if word not in YES | NO:
            raise ValueError(
                f"{where}: {column} of {name} is {word!r}, expected 1 or 0, yes or no"
            )
        if flags.setdefault(name, word in YES) != (word in YES):
            raise ValueError(
                f"{where}: {name} was marked otherwise before; leave one line of it"
            )
    return flags
