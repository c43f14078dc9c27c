"""Networks trained through the inversion."""

__all__: list[str] = []
