"""Green's functions of points, discs and rectangles."""

__all__: list[str] = []
