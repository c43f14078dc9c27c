"""Displacement and water where no receiver stands."""

__all__: list[str] = []
