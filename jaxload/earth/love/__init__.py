"""Load Love numbers, computed or from a table."""

__all__: list[str] = []
