"""Estimates of the load, by whichever way is fastest."""

__all__: list[str] = []
