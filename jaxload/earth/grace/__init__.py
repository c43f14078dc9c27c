"""Stokes coefficients of GRACE, and what is done to them."""

__all__: list[str] = []
