"""Displacement of places by fields of mass."""

__all__: list[str] = []
