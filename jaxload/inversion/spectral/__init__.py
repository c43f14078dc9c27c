"""Records of a network with noise of any spectrum, by cosine transforms in time."""

__all__: list[str] = []
