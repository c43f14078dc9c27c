"""Stokes coefficients and what is published beside them."""

__all__: list[str] = []
