"""Trajectories, seasons and noise models fitted to series."""

__all__: list[str] = []
