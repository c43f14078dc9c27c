"""Modes, components and periods of series."""

__all__: list[str] = []
