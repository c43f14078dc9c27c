"""What a study names, read and checked."""

__all__: list[str] = []
