"""Recurrent networks, alone and in ensembles."""

__all__: list[str] = []
