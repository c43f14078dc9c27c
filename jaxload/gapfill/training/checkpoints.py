"""Trainings kept on disk, to be taken up again where they stopped."""

import dataclasses
import errno
import functools
import hashlib
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxload import io

__all__ = ["DiskCheckpoints", "fingerprint"]

logger = logging.getLogger(__name__)

#: File with the fingerprint of the training whose states are beside it.
MODEL = "model.json"

#: What a kept state takes beside its numbers, at most [bytes].
MARGIN = 2**18

#: Letters of a reason that a message has room for.
LETTERS = 200


@dataclasses.dataclass(frozen=True)
class DiskCheckpoints:
    """A folder with the newest states of one training.

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
          state: The initial state; the one on disk must have its shapes.

        Returns:
          The newest state, or the given one where none was kept.

        Raises:
          ValueError: If the states on disk are of another training, or broken, or
            nothing says of which training they are.
        """
        newest = _steps(self.folder)
        if not newest:
            return state
        known = self._known()
        if known != self.model:
            raise ValueError(
                f"{self.folder} holds checkpoints of another model ({known}, not "
                f"{self.model}), of other settings, data or seeds; name another "
                "folder, or remove it to begin anew"
            )
        path = self.folder / str(newest[-1])
        logger.info("training goes on from step %s", path)
        try:
            with _checkpointer() as checkpointer:
                restored = checkpointer.restore(path.absolute())
            leaves, shape = jax.tree.flatten(state)
            kept = [
                jnp.asarray(restored[str(n)], x.dtype) for n, x in enumerate(leaves)
            ]
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(
                f"the checkpoint {path} cannot be read; remove it, and the one before "
                "it is taken up"
            ) from error
        return jax.tree.unflatten(shape, kept)

    def save(self, step: int, state: Any) -> None:
        """Keep a state, and let go of the oldest.

        A folder that cannot be written to is warned of, and the training goes on.

        Args:
          step: Its number.
          state: A pytree of arrays.
        """
        try:
            self._write(step, state)
        # The store of arrays raises ValueError for a full disk.
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            logger.warning(
                "step %d of the training cannot be kept in %s (%s); were it stopped, "
                "it would begin from the last step that is there",
                step,
                self.folder,
                reason[:LETTERS],
            )

    def _write(self, step: int, state: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not _steps(self.folder):
            io.write_json({"model": self.model}, self.folder / MODEL)
        leaves = {str(n): np.asarray(x) for n, x in enumerate(jax.tree.leaves(state))}
        _check_room(self.folder, sum(leaf.nbytes for leaf in leaves.values()))
        with _checkpointer() as checkpointer:
            checkpointer.save(self.folder.absolute() / str(step), leaves, force=True)
        for old in _steps(self.folder)[: -self.kept]:
            shutil.rmtree(self.folder / str(old))

    def _known(self) -> str:
        """Fingerprint of the training whose states are there."""
        path = self.folder / MODEL
        if not path.is_file():
            return "none"
        try:
            return io.read_json(path)["model"]
        except (ValueError, LookupError, TypeError, OSError):
            raise ValueError(
                f"{path} does not say of which model the checkpoints beside it are; "
                f"delete the folder {self.folder} to begin anew, or train into another"
            ) from None


def _checkpointer() -> Any:
    """What reads and writes states, in this process alone where there are several."""
    # Slow to import, and of use only where something is kept.
    import orbax.checkpoint as ocp

    if jax.process_count() == 1:
        return ocp.PyTreeCheckpointer()
    here = jax.process_index()
    options = ocp.options.MultiprocessingOptions(
        primary_host=here,
        active_processes={here},
        barrier_sync_key_prefix=f"jaxload{here}",
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=options)
    return ocp.Checkpointer(handler, multiprocessing_options=options)


def _check_room(folder: pathlib.Path, size: int) -> None:
    """Raise if the disk is too full: orbax would leave an unfinished state behind."""
    if shutil.disk_usage(folder).free < size + MARGIN:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _steps(folder: pathlib.Path) -> list[int]:
    """Numbers of the states that were kept whole, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def fingerprint(*parts: Any) -> str:
    """A short name for settings and data: the same for the same, and only for those.

    Other processes compute the same one: only values and the names of types, fields and
    functions count.

    Not for: what differs only in the body of a function, or in objects that show no
    more than their type.

    Args:
      *parts: Pytrees of arrays, numbers, text and settings; their static fields and how
        they are nested count as well.

    Returns:
      Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for piece in _pieces(parts):
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(value: Any) -> Iterator[bytes]:
    """All that a value is, without an address in memory."""
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        values = np.asarray(value, order="C")
        yield f"{values.dtype}{values.shape}".encode()
        yield values.tobytes()
    elif (inside := _inside(value)) is not None:
        yield _name(type(value))
        yield b"%d" % len(inside)
        for each in inside:
            yield from _pieces(each)
    elif hasattr(value, "__qualname__"):
        yield _name(value)
    elif type(value).__repr__ is object.__repr__:
        yield _name(type(value))
    else:
        yield repr(value).encode()


def _inside(value: Any) -> list[Any] | None:
    """What a value is made of, None where it is one by itself."""
    opened = jax.tree_util.default_registry.flatten_one_level(value)
    if opened is not None:
        children, static = opened
        # Of the fields of a data class, or the keys of a dictionary.
        return [*children, *([] if static is None else [static])]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return [*names, *(getattr(value, name) for name in names)]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    return None


def _name(value: Any) -> bytes:
    return f"{value.__module__}.{value.__qualname__}".encode()
