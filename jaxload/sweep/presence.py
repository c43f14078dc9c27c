"""Which workers of a sweep run: each leaves a sign of life in the storage of trials."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

__all__ = ["count_workers", "has_ended", "is_running", "signing"]

#: Seconds between two signs of life, and without one after which a worker of another
#: machine is taken for ended.
BEAT, SILENCE = 20.0, 300.0

#: What the names of attributes begin with that tell of workers.
PREFIX = "worker "


def count_workers(study: "optuna.Study") -> int:
    """Count the workers that a sweep has had.

    Args:
      study: Of Optuna.

    Returns:
      Their number.
    """
    return sum(name.startswith(PREFIX) for name in study.user_attrs)


def is_running(study: "optuna.Study", worker: str) -> bool:
    """Check whether a worker runs.

    Args:
      study: Of Optuna.
      worker: Its name.
    """
    return not has_ended(study.user_attrs.get(PREFIX + worker))


def has_ended(sign: Mapping[str, Any] | None) -> bool:
    """Check whether the worker has ended that left a sign of life.

    Args:
      sign: Host, process and time; None where there is none.

    Returns:
      Whether its process is gone, on this machine; on others, whether the sign is old.
    """
    if sign is None:
        return True
    if sign["host"] != socket.gethostname():
        return time.time() - sign["time"] > SILENCE
    try:
        os.kill(sign["process"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def signing(study: "optuna.Study", worker: str) -> Iterator[None]:
    """Leave signs of life of this process until the body ends.

    Args:
      study: Of Optuna.
      worker: Name of the worker.
    """
    ended = threading.Event()

    def sign() -> None:
        about = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "time": time.time(),
        }
        study.set_user_attr(PREFIX + worker, about)

    def keep_signing() -> None:
        while not ended.wait(BEAT):
            # The next one may come through.
            with contextlib.suppress(Exception):
                sign()

    sign()
    thread = threading.Thread(target=keep_signing, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=BEAT)
        with contextlib.suppress(Exception):
            gone = {"host": "", "process": 0, "time": 0.0}
            study.set_user_attr(PREFIX + worker, gone)
