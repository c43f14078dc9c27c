"""What a folder of results holds, read once for its page."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import xarray as xr

from jaxload import comparison, description, io
from jaxload.comparison.settings_of_result import settings_text

__all__ = ["OpenedResult", "open_result"]

#: Files that are no results.
STATE = ("state.nc", "state.json")

#: Formats of figures that a page can show, the best first.
DRAWN = (".svg", ".png")


@dataclasses.dataclass(frozen=True)
class OpenedResult:
    """A result, as far as its page needs it.

    Attributes:
      folder: Where it is.
      summary: Its `summary.json`.
      words: What `jaxload info` prints of it, without its warnings.
      settings: Its study as TOML; empty where no file holds it.
      citations: What to cite, as BibTeX.
    """

    folder: pathlib.Path
    summary: dict[str, Any]
    words: list[str]
    settings: str
    citations: str

    def datasets(self) -> Iterator[tuple[str, xr.Dataset]]:
        """Open the datasets of the result, one after the other.

        Yields:
          The name of a file without its suffix, and what it holds.
        """
        for path in self.paths(".nc", ".zarr"):
            with io.read_dataset(path) as dataset:
                yield path.stem, dataset

    def paths(self, *suffixes: str) -> list[pathlib.Path]:
        """List files of the result.

        Args:
          *suffixes: How their names end.

        Returns:
          Those that are there, in the order in which the result lists them.
        """
        names = list(self.summary.get("files") or ())
        # The comparison with the truth is drawn after the list is written.
        names += sorted(
            path.name
            for path in self.folder.iterdir()
            if not names or path.stem == "twin"
        )
        return [
            self.folder / name
            for name in dict.fromkeys(map(str, names))
            if name.endswith(suffixes)
            and name not in STATE
            and pathlib.PurePath(name).name == name
            and (self.folder / name).exists()
        ]

    def figures(self) -> list[pathlib.Path]:
        """List figures that a page can show, each in its best format.

        Returns:
          Their files.
        """
        best: dict[str, pathlib.Path] = {}
        for suffix in DRAWN:
            for path in self.paths(suffix):
                best.setdefault(path.stem, path)
        return list(best.values())


def open_result(folder: str | os.PathLike[str]) -> OpenedResult:
    """Read what a page needs of a result.

    Args:
      folder: Where `pipeline.run` wrote.

    Returns:
      The result.

    Raises:
      FileNotFoundError: If there is no result.
      ValueError: If a file is broken.
    """
    folder = pathlib.Path(folder)
    words = description.describe(folder, warnings=False)
    summary = io.read_json(folder / "summary.json")
    cited = "\n".join(comparison.bibtex(folder))
    return OpenedResult(folder, summary, words, settings_text(folder), cited)
