"""The command line as ``python -m jaxload``."""

import sys

from jaxload.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
