"""Rows that members of an ensemble hold out."""

import dataclasses

import jax
from jax import Array

__all__ = ["Folds"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Folds:
    """Rows that members of an ensemble hold out.

    Attributes:
      held_out: Rows held out during the whole training, boolean, shape (member, row).
      distance: Between stations, in any unit, shape (station, station).
      radius: Up to which a station is held out with its neighbour, same unit, ().
      neighbourhoods_per_step: Number of further neighbourhoods that each step of a
        training on displacement holds out.
      early_stopping_rows: Held-out rows that decide on early stopping, boolean, shape
        (member, row); None for all. The others are never used.
      position: Number of each member among all, shape (member,), where these are only
        some of them; else None.
      members: Number of all members, where these are only some of them; else 0.
    """

    held_out: Array
    distance: Array
    radius: Array
    neighbourhoods_per_step: int = dataclasses.field(metadata={"static": True})
    early_stopping_rows: Array | None = None
    position: Array | None = None
    members: int = dataclasses.field(default=0, metadata={"static": True})

    def keys(self, key: Array) -> Array:
        """Split a random key for the members, each as if all were here."""
        keys = jax.random.split(key, self.members or len(self.held_out))
        return keys if self.position is None else keys[self.position]

    @property
    def target_rows(self) -> Array:
        """Held-out rows whose density ends a training, boolean, shape (member, row)."""
        return (
            self.held_out
            if self.early_stopping_rows is None
            else self.early_stopping_rows
        )
