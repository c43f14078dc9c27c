"""Help of commands: what each does, and how it is called."""

import argparse
from typing import Any

__all__ = ["described"]


def described(text: str, *examples: str) -> dict[str, Any]:
    """Describe a command for its own help and for the list of commands.

    Args:
      text: What it does, as an imperative without a full stop.
      examples: Calls of it, without the name of the program.

    Returns:
      Arguments of `add_parser`.
    """
    about: dict[str, Any] = {
        "help": text,
        "description": text[:1].upper() + text[1:] + ".",
        # Keeps examples on lines of their own.
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
    if examples:
        lines = [f"  jaxload {example}" for example in examples]
        about["epilog"] = "\n".join(["examples:", *lines])
    return about
