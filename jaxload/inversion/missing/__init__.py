"""Which observations are missing, and how epochs are grouped by it."""

__all__: list[str] = []
