"""Files at data centres, and how they are had."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["FetchOptions", "RemoteFile"]


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file at a data centre.

    Attributes:
      url: Its address; of the Climate Data Store, the name of the dataset.
      name: Where it goes below the folder of the data, with "/" between folders.
      sha256: Its published checksum; empty where none is.
      size: Its size [bytes]; None where it is not known.
      client: How it is had: "web", "earthdata" by a login of NASA, or "cds".
      request: What is requested of the Climate Data Store.
    """

    url: str
    name: str
    sha256: str = ""
    size: int | None = None
    client: Literal["web", "earthdata", "cds"] = "web"
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FetchOptions:
    """How files are fetched.

    Attributes:
      cache: Folder in which files are kept for all studies; that of the user if empty.
      retries: How often a download that fails is tried again.
      offline: Whether nothing is downloaded: every file must be there, as the lock file
        states it.
      update: Whether files that have changed at their centre replace older ones.
    """

    cache: str = ""
    retries: int = 3
    offline: bool = False
    update: bool = False

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"retries is {self.retries}, expected 0 or more")
        if self.offline and self.update:
            raise ValueError(
                "--offline downloads nothing, which --update would have to; leave one "
                "of them out"
            )
