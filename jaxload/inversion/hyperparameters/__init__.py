"""Criteria for hyperparameters, and how they are minimised."""

__all__: list[str] = []
