"""Later days added to a finished study by its frozen parameters."""

__all__: list[str] = []
