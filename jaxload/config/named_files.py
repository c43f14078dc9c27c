"""What all tables of a study have in common that name files, or columns of them."""

from jaxload.config.checks import file_names

__all__ = ["TABLE_ENDINGS", "NamedFiles", "check_pairs", "split_pairs", "wrong_kind"]

#: Endings of files that are tables by region; all others are grids.
TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".dat")


class NamedFiles:
    """Base of settings whose files are a name, a pattern, or a list of these."""

    files: str | tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """Each file or pattern."""
        return file_names(self.files)

    @property
    def is_table(self) -> bool:
        """Whether the files are tables by region."""
        return all(path.lower().endswith(TABLE_ENDINGS) for path in self.paths)


def split_pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    """Split names of regions from those of their columns.

    Args:
      pairs: Each as ``"REGION: COLUMN"``.

    Returns:
      The columns by region.
    """
    parts = (pair.rsplit(": ", 1) for pair in pairs)
    return {region.strip(): column.strip() for region, column in parts}


def check_pairs(setting: str, pairs: tuple[str, ...], kind: str) -> None:
    """Check that a setting names columns of regions, each region once.

    Args:
      setting: Its name.
      pairs: Its value.
      kind: What the regions are called: "basin" or "region".

    Raises:
      ValueError: If it does not.
    """
    for pair in pairs:
        if not all(part.strip() for part in [*pair.split(": "), ""][:2]):
            raise ValueError(
                f"{setting} has {pair!r}, expected a {kind} and its column, as "
                f'"{kind.upper()}: COLUMN"'
            )
    names = [pair.rsplit(": ", 1)[0].strip() for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{setting} names {name} twice; leave one out")


def wrong_kind(name: str, is_table: bool, kind: str = "basin") -> str:
    """Word what is wrong with a setting for other files.

    Args:
      name: The setting.
      is_table: Whether the files are tables.
      kind: What they have a column for.

    Returns:
      A sentence.
    """
    if is_table:
        return f"{name} is for grids, and the files are tables by {kind}; leave it out"
    return f"{name} is for tables by {kind}, and the files are grids; leave it out"
