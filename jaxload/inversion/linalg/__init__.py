"""Linear algebra of small dense, sparse and saddle-point systems."""

__all__: list[str] = []
