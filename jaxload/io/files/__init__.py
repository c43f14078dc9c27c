"""Files as such: packed, foreign, damaged, locked, written whole or not at all."""

__all__: list[str] = []
