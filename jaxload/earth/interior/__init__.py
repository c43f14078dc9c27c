"""Models of the interior, and how it deforms."""

__all__: list[str] = []
