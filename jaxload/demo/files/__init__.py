"""Simulated worlds, written as files that observations come in."""

__all__: list[str] = []
