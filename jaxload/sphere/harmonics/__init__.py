"""Spherical harmonics that know of no Earth."""

__all__: list[str] = []
