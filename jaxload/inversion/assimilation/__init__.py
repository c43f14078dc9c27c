"""Means of the load over periods, such as months, brought into a solution by days."""

__all__: list[str] = []
