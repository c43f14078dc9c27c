"""Outlines of regions in every format."""

__all__: list[str] = []
