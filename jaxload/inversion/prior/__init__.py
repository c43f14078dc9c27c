"""Precision matrices of the prior."""

__all__: list[str] = []
