"""Results held against other observations."""

__all__: list[str] = []
