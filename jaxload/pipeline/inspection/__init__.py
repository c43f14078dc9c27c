"""What can be known of a study before it is run."""

__all__: list[str] = []
