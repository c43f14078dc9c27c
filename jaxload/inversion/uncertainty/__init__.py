"""Posterior variance, samples and resolution."""

__all__: list[str] = []
