"""Optimisation, checkpoints, sharding and spatial folds."""

__all__: list[str] = []
