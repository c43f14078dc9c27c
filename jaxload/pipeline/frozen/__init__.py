"""Parameters of a finished study, by which later days are estimated."""

__all__: list[str] = []
