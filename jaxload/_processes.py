"""Several processes that do one piece of work together, and end together.

They are joined by `jax.distributed`, whose arrays then span the devices of all. That a
process was killed shows there after a minute or more, or as a crash of the others:
here each keeps a connection to the first, which breaks at once.
"""

import contextlib
import os
import secrets
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable

import jax
import numpy as np

from jaxload._exchange import from_first

#: Number of processes, which one this is and host:port of the first; None where a
#: launcher knows it.
Launch = tuple[int | None, int | None, str | None]

__all__ = ["LOST", "Team", "join_processes", "run_divided"]

#: Exit code where another process has ended.
LOST = 4

#: Seconds in which all have to come, and others may say why they end.
PATIENCE, GRACE = 300, 3.0

#: Bytes of the name of a host, and of what shows that a process is one of ours.
NAME, TOKEN = 256, 16

DONE, FAILED = "done", "failed"


def join_processes(launch: Launch, complain: Callable[[str], None]) -> "Team":
    """Wait for the other processes, before anything is computed.

    Args:
      launch: Number of processes, which one this is, and host:port of the first; None
        where a launcher knows it.
      complain: Called with a sentence where another process ended, before this one is
        ended too.

    Returns:
      The `Team`.

    Raises:
      ValueError: If they do not find each other.
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # It would take SIGTERM for itself.
    jax.config.update("jax_enable_preemption_service", False)
    ending = signal.getsignal(signal.SIGTERM)
    try:
        jax.distributed.initialize(
            launch[2],
            *launch[:2],
            initialization_timeout=PATIENCE,
        )
        team = _connected(launch, complain)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "unknown"
        raise ValueError(
            "the processes did not find each other; start all with the same number of "
            f"processes and the same coordinator, whose port is free ({reason})"
        ) from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ending or signal.SIG_DFL)
    threading.Thread(target=team.watch, daemon=True).start()
    return team


def run_divided(
    launch: Launch,
    work: Callable[[bool], None],
    complain: Callable[[str], None],
    judge: Callable[[BaseException], tuple[int, str] | None],
) -> None:
    """Do work in several processes, all of which end where one of them does.

    Where one of them fails, this does not return.

    Args:
      launch: Number of processes, which one this is, and host:port of the first; None
        where a launcher knows it.
      work: Called with whether this process is the first.
      complain: Called with a sentence in one of the processes.
      judge: From an error to its exit code and a sentence; None for a fault of the
        program, whose trace is written.

    Raises:
      ValueError: If the processes do not find each other.
    """
    _drop_library_output("stdout")
    team = join_processes(launch, complain)
    if team.index:
        _drop_library_output("stderr")
    try:
        work(team.index == 0)
    except BaseException as error:
        if isinstance(error, RuntimeError):
            # An exchange with a process that has gone fails here before that shows.
            team.wait_for_end()
        known = judge(error)
        if known is None:
            traceback.print_exception(error)
        code, sentence = known or (1, f"process {team.index} failed: {error!r}")
        if team.index == 0 and known is not None:
            complain(sentence)
        team.leave(code, sentence)
        raise
    team.leave()


class Team:
    """Connections of one process of a run to the others.

    Attributes:
      index: Number of this process, from 0.
      count: Number of processes.
    """

    def __init__(
        self, links: dict[int, socket.socket], complain: Callable[[str], None]
    ) -> None:
        self.index, self.count = jax.process_index(), jax.process_count()
        self._links, self._complain = links, complain
        self._lock, self._done = threading.Lock(), set[int]()
        self._all_done = threading.Event()
        if not links:
            self._all_done.set()
        self._ending = False

    def watch(self) -> None:
        """Listen to the others, and end this process where one of them has ended."""
        with selectors.DefaultSelector() as selector:
            for index, link in self._links.items():
                selector.register(link, selectors.EVENT_READ, index)
            while selector.get_map():
                for key, _ in selector.select():
                    if not self._take_message(key.data, self._links[key.data]):
                        selector.unregister(key.fileobj)

    def leave(self, code: int = 0, sentence: str = "") -> int:
        """Say that this process is done or has failed, and wait for the others.

        Args:
          code: Exit code, 0 if all went well.
          sentence: What is wrong, if not; the first process has said it already.

        Returns:
          The exit code; does not return where one of them failed.
        """
        if code:
            with self._lock:
                self._ending = True
            self._tell(f"{FAILED} {code} {sentence}")
            _end(code)
        if self.index:
            self._tell(DONE)
            self._all_done.wait()
        else:
            self._all_done.wait()
            self._tell(DONE)
        jax.distributed.shutdown()
        return 0

    def wait_for_end(self) -> None:
        """Wait whether another process has ended, which explains what went wrong."""
        time.sleep(GRACE)

    def _tell(self, message: str) -> None:
        line = " ".join(message.split()).encode() + b"\n"
        for link in self._links.values():
            with contextlib.suppress(OSError):
                link.sendall(line)

    def _take_message(self, index: int, link: socket.socket) -> bool:
        """Take in what a process says; False where it says nothing more."""
        line = _line(link)
        if line == DONE:
            self._done.add(index)
            if len(self._done) == len(self._links):
                self._all_done.set()
            return True
        if line is None and index in self._done:
            return False
        self._end_with(index, line)
        return False

    def _end_with(self, index: int, line: str | None) -> None:
        """End as another process did; the first one left says so."""
        kind, _, rest = (line or "").partition(" ")
        code, _, sentence = rest.partition(" ")
        failed = kind == FAILED and code.isdecimal()
        if self.index == 0 and failed:
            # All read the same files: as a rule this one fails the same way.
            time.sleep(GRACE / 2)
        with self._lock:
            if self._ending:
                return
            self._ending = True
        if not failed:
            sentence = (
                f"process {index} of {self.count} ended before the others (killed, or "
                "out of memory?), so that all have ended; what was complete is kept, "
                "and --resume goes on from there"
            )
        if self.index == 0:
            # The others would take the end of this one for the cause.
            self._tell(f"{FAILED} {int(code) if failed else LOST} ")
        if self.index == 0 or (not failed and self.index == 1):
            self._complain(sentence)
        _end(int(code) if failed else LOST)


def _drop_library_output(name: str) -> None:
    """Keep what libraries write past Python from the terminal.

    Collectives write a line for each connection, and a client whose coordinator has
    gone a trace of its calls.
    """
    stream, number = getattr(sys, name), {"stdout": 1, "stderr": 2}[name]
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
        kept = os.fdopen(os.dup(number), "w", buffering=1, errors="backslashreplace")
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, number)
        os.close(nothing)
        setattr(sys, name, kept)


def _end(code: int) -> None:
    """End without waiting for collectives that others will never join."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _line(link: socket.socket) -> str | None:
    """One line, byte by byte as they are few; None where the other side has gone."""
    text = bytearray()
    try:
        while byte := link.recv(1):
            if byte == b"\n":
                return text.decode(errors="replace")
            text += byte
    except OSError:
        pass
    return None


def _connected(launch: Launch, complain: Callable[[str], None]) -> Team:
    """Connect every process to the first, which tells them where through JAX."""
    count, index = jax.process_count(), jax.process_index()
    here, server = np.zeros(NAME + TOKEN + 4, np.uint8), None
    if index == 0:
        server = socket.create_server(("", 0), backlog=count)
        token = secrets.token_bytes(TOKEN)
        port = server.getsockname()[1].to_bytes(4, "big")
        name = socket.gethostname().encode()[:NAME].ljust(NAME, b"\0")
        here[:] = np.frombuffer(name + token + port, np.uint8)
    place = from_first(here).tobytes()
    name, token = place[:NAME].rstrip(b"\0").decode(), place[NAME : NAME + TOKEN]
    port = int.from_bytes(place[NAME + TOKEN :], "big")
    if server is None:
        host = (launch[2] or name).rpartition(":")[0] or name
        link = socket.create_connection((host.strip("[]"), port), timeout=PATIENCE)
        link.settimeout(None)
        link.sendall(token + index.to_bytes(4, "big"))
        return Team({0: link}, complain)
    with server:
        server.settimeout(PATIENCE)
        return Team(_accepted(server, token, count), complain)


def _accepted(
    server: socket.socket, token: bytes, count: int
) -> dict[int, socket.socket]:
    links: dict[int, socket.socket] = {}
    while len(links) < count - 1:
        link, _ = server.accept()
        link.settimeout(PATIENCE)
        hello = link.recv(TOKEN + 4, socket.MSG_WAITALL)
        if not secrets.compare_digest(hello[:TOKEN], token):
            link.close()
            continue
        link.settimeout(None)
        links[int.from_bytes(hello[TOKEN:], "big")] = link
    return links
