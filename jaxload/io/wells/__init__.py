"""Water levels of wells."""

__all__: list[str] = []
