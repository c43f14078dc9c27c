"""Outliers, steps, filters and suspect stations."""

__all__: list[str] = []
