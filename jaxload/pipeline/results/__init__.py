"""Results as files: kept, moved, read, and what they were made of."""

__all__: list[str] = []
