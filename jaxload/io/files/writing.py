"""Files that have their name only once they are whole."""

import contextlib
import itertools
import os
import pathlib
import re
from collections.abc import Iterator

__all__ = ["is_left_over", "reason_of", "replacing", "why_full", "write_text"]

#: What a file is called until it is whole: its name, the process and a number. Results
#: of version 0.1 had no more than the process.
LEFT_OVER = re.compile(r"\..+\.\d+\.\d+\.part|\..+\.(nc|png|json|npy)\.\d+")

#: Letters of the name that the temporary one has too: together they stay within 255
#: bytes, whatever the script.
LETTERS = 50

#: Bytes that are tried where a library does not say why it could not write.
PROBE = 1 << 20

numbers = itertools.count()


def write_text(path: pathlib.Path, text: str) -> None:
    """Write a text file so that its name never stands for half of it.

    Args:
      path: The file; an old one is replaced.
      text: The content.

    Raises:
      ValueError: If the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: pathlib.Path, durable: bool = False) -> Iterator[pathlib.Path]:
    """Write a file so that its name never stands for half of it.

    Args:
      path: The file; an old one is replaced when the body ends without an error.
      durable: Whether to wait until the content is on the disk, so that the name stands
        for the whole even where the power fails.

    Yields:
      The temporary name to write to.

    Raises:
      ValueError: If it cannot be written.
    """
    unique = f"{os.getpid()}.{next(numbers)}.part"
    temporary = path.with_name(f".{path.name[:LETTERS]}.{unique}")
    try:
        yield temporary
        if durable:
            _settle(temporary)
        temporary.replace(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({reason_of(error)})") from None
    finally:
        # It is gone if all went well; if not, its own error is the one to tell.
        with contextlib.suppress(OSError):
            temporary.unlink()


def _settle(path: pathlib.Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def reason_of(error: OSError) -> str:
    """Name the reason why the system refused something.

    Args:
      error: What it raised.

    Returns:
      Some words, such as "No space left on device".
    """
    return error.strerror or str(error) or type(error).__name__


def why_full(path: pathlib.Path) -> OSError | None:
    """Find the reason why a library could not write a file, where it names none.

    Args:
      path: The file, which grows by the attempt.

    Returns:
      What the system answers to more bytes; None where it takes them.
    """
    try:
        with path.open("ab") as file:
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def is_left_over(name: str) -> bool:
    """Check whether a file is what `replacing` writes to.

    Args:
      name: Of a file.

    Returns:
      Whether it is a file that a process left unfinished, or is about to finish.
    """
    return LEFT_OVER.fullmatch(name) is not None
