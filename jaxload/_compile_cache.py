"""Compiled programs kept in the user's cache folder for later runs."""

import contextlib
import os
import pathlib

import jax
import platformdirs

__all__ = ["MOST_BYTES", "keep_programs", "remove_oldest"]

#: Largest size of the folder; beyond it, programs unused for longest are removed.
MOST_BYTES = 2**30


def keep_programs(folder: pathlib.Path | None = None) -> pathlib.Path | None:
    """Let JAX keep every program that it compiles, and look for it before it compiles.

    Programs are found by their text, the version of JAX and the processor. A folder
    named by the environment variable JAX_COMPILATION_CACHE_DIR, or by an earlier
    setting of `jax_compilation_cache_dir`, is left as it is.

    Args:
      folder: Where; ``jaxload/programs`` in the user's cache folder by default. Made
        where it is missing, and reduced to `MOST_BYTES`.

    Returns:
      The folder; None where another was set before, or where it cannot be made.
    """
    if jax.config.values["jax_compilation_cache_dir"]:
        return None
    folder = folder or platformdirs.user_cache_path("jaxload") / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_oldest(folder, MOST_BYTES)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Hundreds of programs compile in a tenth of a second each.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def remove_oldest(folder: pathlib.Path, most: int) -> int:
    """Remove the files of a folder that were not used for longest.

    Args:
      folder: Without folders in it.
      most: Largest size of what stays [bytes].

    Returns:
      The size of what stays [bytes].
    """
    files = []
    for entry in os.scandir(folder):
        # Another process may have removed it meanwhile.
        with contextlib.suppress(OSError):
            state = entry.stat()
            files.append((max(state.st_atime, state.st_mtime), state.st_size, entry))
    size = sum(length for _, length, _ in files)
    for _, length, entry in sorted(files, key=lambda file: file[0]):
        if size <= most:
            break
        with contextlib.suppress(OSError):
            pathlib.Path(entry).unlink()
            size -= length
    return size
