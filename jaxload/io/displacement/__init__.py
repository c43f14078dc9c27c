"""Displacement of stations that others computed."""

__all__: list[str] = []
