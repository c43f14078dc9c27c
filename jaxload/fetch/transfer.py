"""Transfers over the network: resumed where they broke off, errors in one sentence."""

import contextlib
import hashlib
import json
import pathlib
import urllib.parse
from collections.abc import Callable
from typing import Any

__all__ = [
    "WAIT",
    "cache_name",
    "check_library",
    "remote_size",
    "resuming_downloader",
    "sentence_of",
]

#: Longest silence of a server while connecting and between two blocks [s].
WAIT = (15, 60)

#: Bytes of a block.
BLOCK = 1 << 18

#: Codes of the rest of a file, and of a rest that there is not.
PARTIAL, BEYOND = 206, 416

#: Answers after which it is no use to try again.
HOPELESS = {400, 401, 403, 404, 405, 410}


def check_library() -> None:
    """Check that the libraries for downloads are installed.

    Raises:
      ValueError: If one is missing; the message says how to install it.
    """
    try:
        import pooch  # noqa: F401
        import requests  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"jaxload fetch needs {error.name}; install jaxload[fetch]"
        ) from None


def resuming_downloader(session: Any, watch: Callable[[float], None]) -> Any:
    """Make a downloader for pooch that resumes a transfer where it broke off.

    What came is kept beside the file that is to be, with the mark by which its server
    knows the version: of another version nothing is taken.

    Args:
      session: Of requests, with a login perhaps.
      watch: Called with the share that is there, where the size is known.

    Returns:
      Function of the address, the temporary file, and pooch.
    """

    def download(url: str, output: Any, manager: Any) -> None:
        del manager
        target = pathlib.Path(output)
        part = _part_of(target.parent, url)
        try:
            _transfer(session, url, part, watch)
        except OSError as error:
            _raise_hopeless(error)
            raise
        part.replace(target)
        _mark_of(part).unlink(missing_ok=True)

    return download


def cache_name(url: str) -> str:
    """Name a file in the cache after its address.

    Args:
      url: Its address.

    Returns:
      The name.
    """
    name = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).name or "file"
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return f"{digest}-{name[-60:]}"


def _part_of(folder: pathlib.Path, url: str) -> pathlib.Path:
    return folder / f"{cache_name(url)}.part"


def _mark_of(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(part.name + ".json")


def _transfer(
    session: Any, url: str, part: pathlib.Path, watch: Callable[[float], None]
) -> None:
    """Download what is missing of a file."""
    there, mark = _what_came(part)
    headers = {"Accept-Encoding": "identity"}
    if there:
        headers |= {"Range": f"bytes={there}-", "If-Range": mark}
    with session.get(url, headers=headers, stream=True, timeout=WAIT) as reply:
        if there and reply.status_code == BEYOND:
            # There is no more, or what came is of another file.
            _forget(part)
            _transfer(session, url, part, watch)
            return
        reply.raise_for_status()
        _refuse_page(reply, url)
        if not _goes_on(reply, there):
            there = 0
        mark = _version_of(reply)
        if not there:
            _mark_of(part).write_text(json.dumps({"mark": mark}))
        length = reply.headers.get("Content-Length")
        total = there + int(length) if length else None
        with part.open("ab" if there else "wb") as file:
            for block in reply.iter_content(BLOCK):
                file.write(block)
                there += len(block)
                if total:
                    watch(min(there / total, 1.0))
    if total is not None and there != total:
        raise _connection_error(f"{there} of {total} bytes came")


def _what_came(part: pathlib.Path) -> tuple[int, str]:
    """Bytes of an earlier transfer and the mark of their version."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        mark = json.loads(_mark_of(part).read_text())["mark"]
        if mark:
            return part.stat().st_size, mark
    return 0, ""


def _refuse_page(reply: Any, url: str) -> None:
    """Refuse a web page in place of a file: a form to log in, or an excuse."""
    if reply.headers.get("Content-Type", "").startswith("text/html"):
        raise PermissionError(
            f"{url} answers with a web page in place of the file; it may need a login, "
            "a licence that is accepted there, or have moved"
        )


def _goes_on(reply: Any, there: int) -> bool:
    """Whether a reply begins where an earlier transfer broke off."""
    begins = reply.headers.get("Content-Range", "").startswith(f"bytes {there}-")
    return bool(there) and reply.status_code == PARTIAL and begins


def _version_of(reply: Any) -> str:
    """What names the version of a file; a weak tag names none of its bytes."""
    tag = reply.headers.get("ETag", "")
    return reply.headers.get("Last-Modified", "") if tag[:2] in ("", "W/") else tag


def _forget(part: pathlib.Path) -> None:
    part.unlink(missing_ok=True)
    _mark_of(part).unlink(missing_ok=True)


def _connection_error(text: str) -> Exception:
    import requests

    return requests.exceptions.ConnectionError(text)


def _raise_hopeless(error: OSError) -> None:
    """Raise at once what no further try would mend."""
    reply = getattr(error, "response", None)
    if reply is not None and reply.status_code in HOPELESS:
        kind = FileNotFoundError if reply.status_code == 404 else PermissionError
        raise kind(sentence_of(error, reply.url)) from None


def sentence_of(error: BaseException, url: str) -> str:
    """Put an error of the network in one sentence.

    Args:
      error: As raised by requests.
      url: What was asked for.

    Returns:
      The sentence.
    """
    import requests

    host = urllib.parse.urlsplit(url).netloc
    reply = getattr(error, "response", None)
    if reply is not None and reply.status_code == 404:
        return f"{url} is not there (404); the centre may have moved or renamed it"
    if reply is not None and reply.status_code in (401, 403):
        return (
            f"{url} is refused ({reply.status_code}); it needs a login, or a licence "
            "that is accepted on the page of the data"
        )
    if reply is not None:
        return f"{host} answers {reply.status_code} to {url}; try again later"
    if isinstance(error, requests.exceptions.Timeout):
        return f"{host} does not answer; check the network, or try again later"
    return (
        f"{host} cannot be reached, or the transfer broke off; check the network and "
        "run the same again, which goes on where it stopped"
    )


def remote_size(session: Any, url: str) -> int | None:
    """Request the size of a file, without downloading it.

    Args:
      session: Of requests.
      url: Its address.

    Returns:
      The size [bytes]; None where the server does not state it.

    Raises:
      OSError: If the server cannot be reached or has no such file, in one sentence.
    """
    import requests

    try:
        headers = {"Accept-Encoding": "identity"}
        reply = session.head(url, headers=headers, timeout=WAIT, allow_redirects=True)
        if reply.status_code == 405:
            return None
        reply.raise_for_status()
    except requests.exceptions.RequestException as error:
        raise OSError(sentence_of(error, url)) from None
    length = reply.headers.get("Content-Length")
    return int(length) if length else None
