"""Terrestrial water storage from GNSS displacement, in JAX.

The sub-packages are the namespaces to use: `earth`, `sphere`, `series`, `io`,
`inversion`, `evaluate`, `gapfill`, `synthetic`, `pipeline`. Nothing is computed or
configured at import; `README.md` beside this file draws the tree.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
