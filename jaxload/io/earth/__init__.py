"""Earth models and Love numbers from text."""

__all__: list[str] = []
