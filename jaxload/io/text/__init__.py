"""Tables of text, and days as they are written."""

__all__: list[str] = []
