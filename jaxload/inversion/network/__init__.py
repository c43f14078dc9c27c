"""Design of networks: which stations to add, which matter least."""

__all__: list[str] = []
