"""How settings of gridded files are written, for messages that name them."""

__all__ = ["setting"]


def setting(name: str, value: str = "...", *, text: bool = True) -> str:
    """Write a setting of gridded files as an argument and as a study has it.

    Args:
      name: One of files, variable, units, time_units, stamp, span, fill, duplicates.
      value: An example.
      text: Whether the value is a text.

    Returns:
      Such as ``units = "mm" (in a study: { files = "...", units = "mm" })``.
    """
    pair = f'{name} = "{value}"' if text else f"{name} = {value}"
    return f'{pair} (in a study: {{ files = "...", {pair} }})'
