"""Catalogues of offsets: earthquakes and changes of equipment."""

__all__: list[str] = []
