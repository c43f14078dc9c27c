"""Inputs of a study, read and checked."""

__all__: list[str] = []
