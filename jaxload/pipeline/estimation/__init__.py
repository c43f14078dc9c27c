"""The problem, its hyperparameters, solution and uncertainty."""

__all__: list[str] = []
