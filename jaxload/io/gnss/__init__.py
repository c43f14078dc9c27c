"""GNSS series of every format, and where stations stand."""

__all__: list[str] = []
