"""Trainings kept on disk, to be taken up again where they stopped."""

import dataclasses
import hashlib
import json
import logging
import pathlib
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["DiskCheckpoints", "fingerprint"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class DiskCheckpoints:
    """A folder in which the newest states of one training are kept.

    Attributes:
      folder: Where; made when there is something to keep.
      model: `fingerprint` of what is trained, on what, and how.
      kept: How many states.
    """

    folder: pathlib.Path
    model: str
    kept: int = 2

    def restore(self, state: Any) -> Any:
        """Take up the newest state.

        Args:
          state: The one to begin with, whose shapes that on disk must have.

        Returns:
          The newest state, or the given one where none was kept.

        Raises:
          ValueError: If the states on disk are of another training, or broken.
        """
        newest = _steps(self.folder)
        if not newest:
            return state
        told = self.folder / "model.json"
        known = json.loads(told.read_text())["model"] if told.is_file() else "none"
        if known != self.model:
            raise ValueError(
                f"{self.folder} holds checkpoints of another model ({known}, not "
                f"{self.model}), of other settings, data or seeds; name another "
                "folder, or remove it to begin anew"
            )
        path = self.folder / str(newest[-1])
        logger.info("training goes on from step %s", path)
        import orbax.checkpoint as ocp

        try:
            with ocp.PyTreeCheckpointer() as checkpointer:
                found = checkpointer.restore(path.absolute())
            leaves, shape = jax.tree.flatten(state)
            kept = [jnp.asarray(found[str(n)], x.dtype) for n, x in enumerate(leaves)]
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(
                f"the checkpoint {path} cannot be read; remove it, and the one before "
                "it is taken up"
            ) from error
        return jax.tree.unflatten(shape, kept)

    def save(self, step: int, state: Any) -> None:
        """Keep a state, and let go of the oldest.

        Args:
          step: Its number.
          state: A pytree of arrays.
        """
        # Slow to import, and of use only where something is kept.
        import orbax.checkpoint as ocp

        self.folder.mkdir(parents=True, exist_ok=True)
        told = self.folder / "model.json"
        if not told.is_file():
            told.write_text(json.dumps({"model": self.model}))
        leaves = {str(n): np.asarray(x) for n, x in enumerate(jax.tree.leaves(state))}
        with ocp.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(self.folder.absolute() / str(step), leaves, force=True)
        for old in _steps(self.folder)[: -self.kept]:
            shutil.rmtree(self.folder / str(old))


def _steps(folder: pathlib.Path) -> list[int]:
    """Numbers of the states that were kept whole, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def fingerprint(*parts: Any) -> str:
    """A short name for settings and data: the same for the same, and only for those.

    Args:
      *parts: Pytrees of arrays, numbers, text and settings.

    Returns:
      Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        for leaf in jax.tree.leaves(part):
            if isinstance(leaf, (jax.Array, np.ndarray)):
                values = np.ascontiguousarray(leaf)
                digest.update(f"{values.dtype}{values.shape}".encode())
                digest.update(values.tobytes())
            else:
                digest.update(repr(leaf).encode())
    return digest.hexdigest()[:16]
