"""The published systems, MLLIM and DWLIM."""

__all__: list[str] = []
