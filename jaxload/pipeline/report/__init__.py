"""Results as datasets, plain numbers and figures."""

__all__: list[str] = []
