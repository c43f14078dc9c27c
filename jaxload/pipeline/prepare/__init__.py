"""Heights cleaned and screened, loads taken out."""

__all__: list[str] = []
