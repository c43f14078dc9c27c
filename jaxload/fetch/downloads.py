"""Files fetched to a folder by way of a cache, checked and noted in a lock file."""

import contextlib
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import platformdirs

from jaxload import io
from jaxload.fetch.cache_lock import held_in_cache
from jaxload.fetch.clients import earthdata_session, request_from_cds
from jaxload.fetch.lock_file import (
    LOCK_FILE,
    Locked,
    checksum,
    is_same,
    locked_file,
    read_lock,
    write_lock,
)
from jaxload.fetch.remote_files import FetchOptions, RemoteFile
from jaxload.fetch.transfer import (
    WAIT,
    cache_name,
    check_library,
    remote_size,
    resuming_downloader,
    sentence_of,
)
from jaxload.io.files.writing import replacing

__all__ = ["describe_files", "fetch_files", "locked_files", "read_page"]

Watch = Callable[[str, float], None]


def fetch_files(
    files: Sequence[RemoteFile],
    folder: str | os.PathLike[str],
    options: FetchOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Download files that are not there yet, and note them in the lock file.

    Args:
      files: Which.
      folder: Of the data.
      options: How.
      watch: Called with the progress.

    Returns:
      The files in the folder, in the same order.

    Raises:
      ValueError: If a file has another checksum than is published or locked, one is
        there that was not fetched or came from elsewhere, or a library is missing.
      OSError: If a centre cannot be reached or does not have a file.
    """
    folder = io.prepare_folder(folder)
    with io.locked_folder(folder):
        locked, sessions, missing = read_lock(folder), _Sessions(), []
        for number, file in enumerate(files):
            entry, path = locked.get(file.name), folder / file.name
            share = lambda part, done=number: watch(
                "fetching", (done + part) / len(files)
            )
            _check_origin(file, entry, options)
            if not _is_there(path, entry, options):
                try:
                    _fetch(file, path, entry, (options, sessions, share))
                except FileNotFoundError as error:
                    # Lists of stations have some without a series: others come still.
                    missing.append(str(error))
                    continue
                locked[file.name] = locked_file(path, _origin(file))
                # What is there stays known if a later file fails.
                write_lock(folder, locked)
            share(1.0)
    _check_missing(missing, len(files))
    return [folder / file.name for file in files]


def _check_missing(missing: Sequence[str], count: int) -> None:
    """Refuse files that are not at their centre, once the others are fetched."""
    if count > 1 and missing:
        raise FileNotFoundError(
            f"{len(missing)} of {count} files are not at their centre, the others are "
            f"fetched; the first: {missing[0]}"
        )
    if missing:
        raise FileNotFoundError(missing[0])


def describe_files(files: Sequence[RemoteFile]) -> list[str]:
    """List what would be fetched, without fetching it.

    Args:
      files: Which.

    Returns:
      A line for each: size, address, name.

    Raises:
      OSError: If a centre cannot be reached or does not have a file.
      ValueError: If a library is missing.
    """
    sessions, lines, total = _Sessions(), [], 0
    for file in files:
        size = file.size
        if size is None and file.client == "web":
            size = remote_size(sessions.web, file.url)
        total += size or 0
        shown = "unknown size" if size is None else f"{size / 1e6:.1f} MB"
        lines.append(f"{file.name}: {shown}, {_origin(file)}")
    return [*lines, f"{len(files)} files, {total / 1e6:.1f} MB as far as known"]


def locked_files(folder: str | os.PathLike[str], prefix: str) -> list[RemoteFile]:
    """List files that the lock file of a folder has.

    Args:
      folder: Of the data.
      prefix: With which their names begin.

    Returns:
      The files.

    Raises:
      ValueError: If there are none.
    """
    locked = read_lock(pathlib.Path(folder))
    files = [
        RemoteFile(entry.url, name, entry.sha256, entry.size)
        for name, entry in locked.items()
        if name.startswith(prefix)
    ]
    if not files:
        raise ValueError(
            f"{pathlib.Path(folder, LOCK_FILE)} has nothing in {prefix}, and --offline "
            "downloads nothing; fetch it without --offline"
        )
    return files


def read_page(url: str) -> str:
    """Read a page of a centre, for what it links.

    Args:
      url: Its address.

    Returns:
      Its text.

    Raises:
      OSError: If it cannot be reached or is not there.
      ValueError: If a library is missing.
    """
    session = _Sessions().web
    import requests

    try:
        with session.get(url, timeout=WAIT) as reply:
            reply.raise_for_status()
            return reply.text
    except requests.exceptions.RequestException as error:
        raise OSError(sentence_of(error, url)) from None


class _Sessions:
    """Sessions of requests, opened when they are first needed."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    @property
    def web(self) -> Any:
        """Of centres that want no login."""
        check_library()
        import requests

        return self._open.setdefault("web", requests.Session())

    @property
    def earthdata(self) -> Any:
        """With a login of NASA."""
        if "earthdata" not in self._open:
            check_library()
            self._open["earthdata"] = earthdata_session()
        return self._open["earthdata"]


def _origin(file: RemoteFile) -> str:
    if file.client != "cds":
        return file.url
    return f"cds:{file.url}?{json.dumps(dict(file.request), sort_keys=True)}"


def _check_origin(
    file: RemoteFile, entry: Locked | None, options: FetchOptions
) -> None:
    """Refuse a file of the same name that was fetched from elsewhere."""
    if entry is None or options.update or entry.url == _origin(file):
        return
    raise ValueError(
        f"{file.name} is in {LOCK_FILE} from {entry.url}, not from {_origin(file)}; "
        "choose another folder, or let --update replace it"
    )


def _is_there(path: pathlib.Path, entry: Locked | None, options: FetchOptions) -> bool:
    """Whether a file needs no download; refuses what would be overwritten."""
    if options.update:
        return False
    if entry is not None and is_same(path, entry):
        return True
    if options.offline:
        what = "differs from" if path.exists() else "is missing, or is not in"
        raise ValueError(
            f"{path} {what} {LOCK_FILE}, and --offline downloads nothing; fetch it "
            "without --offline"
        )
    if path.exists():
        what = "was not fetched" if entry is None else f"differs from {LOCK_FILE}"
        raise ValueError(
            f"{path} is there already and {what}; move it, or let --update replace it"
        )
    return False


def _fetch(
    file: RemoteFile,
    path: pathlib.Path,
    entry: Locked | None,
    how: tuple[FetchOptions, _Sessions, Callable[[float], None]],
) -> None:
    options, sessions, share = how
    if file.client == "cds":
        io.prepare_folder(path.parent)
        with replacing(path) as temporary:
            request_from_cds(file.url, file.request, temporary)
        return
    expected = file.sha256
    if entry is not None and not options.update:
        expected = entry.sha256
    session = sessions.earthdata if file.client == "earthdata" else sessions.web
    kept = io.prepare_folder(_cache(options)) / cache_name(file.url)
    io.prepare_folder(path.parent)
    # Until it is copied: another process may want the same address.
    with held_in_cache(kept):
        _download(file, kept, expected, session, (options, share))
        with replacing(path) as temporary:
            shutil.copyfile(kept, temporary)


def _download(
    file: RemoteFile,
    kept: pathlib.Path,
    expected: str,
    session: Any,
    how: tuple[FetchOptions, Callable[[float], None]],
) -> None:
    """Download a file to the cache, unless its content is known to be there."""
    options, share = how
    check_library()
    import pooch
    import requests

    cache, name = kept.parent, kept.name
    if not expected:
        # Its centre may have a newer one.
        kept.unlink(missing_ok=True)
    elif kept.exists() and checksum(kept) != expected:
        kept.unlink()
    manager = pooch.create(
        path=cache,
        base_url="",
        registry={name: f"sha256:{expected}" if expected else None},
        urls={name: file.url},
        retry_if_failed=options.retries,
    )
    with _quiet_library():
        try:
            manager.fetch(name, downloader=resuming_downloader(session, share))
        except requests.exceptions.RequestException as error:
            raise OSError(sentence_of(error, file.url)) from None
        except ValueError:
            raise ValueError(_wrong_checksum(file, expected)) from None


def _cache(options: FetchOptions) -> pathlib.Path:
    usual = pathlib.Path(platformdirs.user_cache_dir("jaxload"), "fetched")
    return pathlib.Path(options.cache).expanduser() if options.cache else usual


def _wrong_checksum(file: RemoteFile, expected: str) -> str:
    if file.sha256 == expected:
        return (
            f"what came from {file.url} has not the published checksum "
            f"{expected[:12]}..., whenever it was tried; try again later"
        )
    return (
        f"{file.url} has changed since {LOCK_FILE} was written (it had the checksum "
        f"{expected[:12]}...); --update takes the new one, or copy the file that you "
        "had back"
    )


@contextlib.contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep what pooch logs off the terminal, where one sentence says it."""
    import pooch

    log = pooch.get_logger()
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)
