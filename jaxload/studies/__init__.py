"""Study files that come with the package, to begin one's own with."""

import os
import pathlib
from importlib import resources

# Names are listed without whatever reads and writes data, as that takes a second.
import jaxload

__all__ = ["example_names", "example_text", "write_example"]


def example_names() -> list[str]:
    """List the studies that come with the package.

    Returns:
      Their names, sorted, such as "western_us".
    """
    files = resources.files("jaxload.studies").iterdir()
    return sorted(
        file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")
    )


def example_text(name: str) -> str:
    """Read a study that comes with the package.

    Args:
      name: One of `example_names`.

    Returns:
      The study file's content.

    Raises:
      ValueError: If there is no study of this name.
    """
    if name not in example_names():
        raise ValueError(
            f"there is no example {name!r}; there are {', '.join(example_names())}"
        )
    file = resources.files("jaxload.studies") / f"{name}.toml"
    return file.read_text(encoding="utf-8")


def write_example(name: str, folder: str | os.PathLike[str]) -> pathlib.Path:
    """Write a study that comes with the package, to be edited.

    Args:
      name: One of `example_names`.
      folder: Where; made where it is missing.

    Returns:
      The file.

    Raises:
      ValueError: If there is no study of this name, or there is such a file already.
    """
    text = example_text(name)
    path = pathlib.Path(folder) / f"{name}.toml"
    if path.exists():
        raise ValueError(f"{path} exists already; name another folder, or remove it")
    jaxload.io.write_text(jaxload.io.prepare_folder(folder) / path.name, text)
    return path
