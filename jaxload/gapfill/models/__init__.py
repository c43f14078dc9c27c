"""Models of water or displacement from features, any of which can be trained."""

__all__: list[str] = []
