"""Models fitted to heights of stations, which predict displacement of other places."""

__all__: list[str] = []
