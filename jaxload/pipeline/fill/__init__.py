"""Cells without a station, filled."""

__all__: list[str] = []
