"""Priors and noise with correlation in time."""

__all__: list[str] = []
