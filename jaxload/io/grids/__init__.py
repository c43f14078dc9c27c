"""Gridded files: axes, times, quantities, cells."""

__all__: list[str] = []
