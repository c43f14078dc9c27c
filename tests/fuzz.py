"""Damaged files by the million: every reader of text answers or says one sentence.

    python tests/fuzz.py --inputs 1000000 --workers 2

What is asked of a reader for each input: a result that can be, or a ValueError or an
OSError of one line; no warning, and less than a second. A run that was interrupted goes
on where it stopped, and an input of one seed, name and number is the same in every run.
A new reader gets a line in `READERS`.
"""

import argparse
import bz2
import concurrent.futures
import contextlib
import dataclasses
import gzip
import json
import logging
import lzma
import multiprocessing
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import test_io_fuzz as known
import test_io_harmonics as harmonics

from jaxload import io
from jaxload.io.events import offsets

#: Longest that one input may take [s of processor time], and at which it is stopped.
SLOW, STOP = 1.0, 10

#: Inputs of one reader that are made in one go.
CHUNK = 250


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader and what it is tried on.

    Attributes:
      read: Reads a file.
      good: Files that are read, which inputs are made from.
      check: Says by an AssertionError what a result cannot be.
      name: What files are called, where a suffix matters.
    """

    read: Callable[[pathlib.Path], object]
    good: tuple[str, ...]
    check: Callable[[Any], object] = id
    name: str = "abcd.txt"


def check_network(gnss):
    io.check_dataset(gnss, io.GNSS)
    assert np.isfinite(gnss.up).any(), "no height"
    assert not np.isinf(gnss.up).any(), "an infinite height"
    assert not (gnss.up_sigma <= 0).any(), "a standard error that is not positive"


def check_sites(sites):
    for name, site in sites.items():
        assert name
        assert -180 <= site.lon <= 180, site
        assert -90 <= site.lat <= 90, site


def check_offsets(table):
    assert table.sizes["event"], "no event"
    assert not np.isnat(table.day.values).any(), "an event without a day"
    assert set(table.kind.values) <= set(offsets.EVENT_KINDS)


def check_profile(profile):
    assert np.isfinite(np.array(profile)).all(), "a number that is none"
    assert (profile.density > 0).all(), "a density that is not positive"


def _by_columns(path):
    columns = io.Columns(
        up="U", units="mm", time="Tag", time_format="%d.%m.%Y", up_sigma="s"
    )
    columns = dataclasses.replace(columns, station="N", delimiter=";", decimal=",")
    return known.read_as(columns)(path)


def _others(names: Iterable[str], check=id) -> dict[str, Reader]:
    return {
        name: Reader(known.OTHERS[name][0], (known.OTHERS[name][1],), check)
        for name in names
    }


COLUMNS = "Tag;N;U;s\n01.02.2010;ABCD;1,5;2\n02.02.2010;ABCD;1,5;2\n"
LOVE = "n h l k\n1 -.29 .11 0\n2 -0.99D+00 .02 -.31\n3,-1.05,.07,-.19\n"
SITES = (
    "ABCD 10 50 100\nEFGH 11 51\n",
    "name,lat,lon\nABCD,50,10\nEFGH,51,11\n",
    "Sta Lat(deg) Long(deg) Hgt(m) X(m) Y(m) Z(m)\n"
    "ABCD 43.934 2.1368 207 4597503.7 171539.7 4402971.4 2010-01-01 ALBI\n",
    "# LATITUDE(DEG) LONGITUDE(DEG) HIGHT(M) ID NAME\n 34.9 139.1 411 0841 nishi\n",
    "A  -12.46 -229.15 104.8\nB 68.35 -341.18 431.4\nC 44.9 8.6 147.1\n",
    "NUM  STATION NAME   X (M)    Y (M)    Z (M)  FLAG\n\n"
    "  1  ABCD 12345M001  2233557.476  761080.390  5906186.084    A      G\n",
    "+SITE/ID\n ABCD  A 40129M003 P Some place  236 30 45.1  48 23 23.2    31.7\n",
)

CATALOGUES = (
    "+SOLUTION/DISCONTINUITY\n ABCD  A    1 P 00:000:00000 03:160:00000 P - antenna\n"
    " ABCD  A    1 P 00:000:00000 03:268:71406 V - EQ M8.3\n-SOLUTION/DISCONTINUITY\n",
    "# sampling period 1.0\n# offset 50284.0\n# log 50334.5 30\n50084.0 1.2\n",
    "  eq_def WC 31.1 103.3 800 20 2008 5 12 6 28\n"
    "  rename ABCD_GPS ABCD_2PS 2004 12 26 0 58\n  break EFGH 2012 5 6 0 0 ! why\n",
    "Station;Date;Event;Comp;tau\nABCD;2016.098361;EQ;U;3\nABCD;2016/2/6;log;;9\n",
    "ABCD 2016-02-06 earthquake\nABCD 2017-02-06\n",
)
#: Samples whose content alone does not say what they are.
UNDECIDED = ("netcdf", "enu", "described", *known.NAMED)

#: Every reader of text, by what it reads. Another reader is another line.
READERS: dict[str, Reader] = {
    **{
        f"series {name}": Reader(
            known.read_as(name), (text,), check_network, known.file_of(name)
        )
        for name, text in known.GNSS.items()
        if name != "netcdf"
    },
    "series by content": Reader(
        known.read_as(None),
        # What may be of two formats is asked back about.
        tuple(text for name, text in known.GNSS.items() if name not in UNDECIDED),
        check_network,
    ),
    "series by columns": Reader(_by_columns, (COLUMNS,), check_network),
    "sites": Reader(io.read_sites, SITES, check_sites),
    **_others(("steps", "breaks", "json", "table"), check_offsets),
    "offsets": Reader(io.read_offsets, CATALOGUES, check_offsets),
    **_others(("loading", "ntal", "nevada", "onsala", "esmgfz", "described loading")),
    **_others(("wells", "rdb", "quoted wells", "note 7", "c20", "degree 1")),
    **_others(("level 2", "icgem", "icgem in time")),
    **{
        f"outline {name}": Reader(io.read_regions, (text,), known.check_outlines)
        for name, text in known.OUTLINES.items()
    },
    "outline by content": Reader(
        io.read_region, tuple(known.OUTLINES.values()), known.check_outlines
    ),
    "earth model": Reader(
        io.read_earth_profile,
        (known.EARTH, "# depth vp vs rho\n" + known.EARTH),
        check_profile,
    ),
    "love numbers": Reader(io.read_love_numbers, (LOVE,)),
    "gravity field": Reader(io.read_level2, (harmonics.level2(),)),
    "technical note 13": Reader(io.read_tn13, (harmonics.TN13,)),
    "technical note 14": Reader(io.read_tn14, (harmonics.TN14,)),
}


def damaged(good: Sequence[str], dice: random.Random) -> bytes:
    """A file with a few of its bytes, words or lines replaced, moved or repeated."""
    content = dice.choice(good).encode()
    if dice.random() < 0.02:
        return dice.randbytes(dice.randrange(60))
    content *= dice.choice((1, 1, 2, 3))
    for _ in range(dice.randrange(1, 5)):
        content = dice.choice(DAMAGES)(content, dice)
    return dice.choice(WRAPS)(content) if dice.random() < 0.05 else content


def _replace(content: bytes, dice: random.Random) -> bytes:
    place, length = dice.randrange(len(content) + 1), dice.randrange(13)
    piece = dice.choice(known.PIECES)
    return content[:place] + piece + content[place + length :]


def _words(content: bytes, dice: random.Random) -> bytes:
    words = content.split(b" ")
    words[dice.randrange(len(words))] = dice.choice(known.PIECES)
    return b" ".join(words)


def _number(content: bytes, dice: random.Random) -> bytes:
    """Another digit somewhere."""
    places = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if not places:
        return content
    place = dice.choice(places)
    return content[:place] + b"%d" % dice.randrange(10) + content[place + 1 :]


def _lines(content: bytes, dice: random.Random) -> bytes:
    lines = content.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    change = dice.randrange(3)
    if change == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif change == 1:
        lines.insert(one, lines[other])
    else:
        del lines[one]
    return b"\n".join(lines)


def _columns(content: bytes, dice: random.Random) -> bytes:
    """The same word of every line gone, twice there, or another one."""
    mark = b"," if b"," in content else b" "
    place, change = dice.randrange(8), dice.randrange(3)
    rows = [line.split(mark) for line in content.split(b"\n")]
    for row in rows:
        if place < len(row):
            word = row.pop(place)
            row[place:place] = ([], [word, word], [dice.choice(known.PIECES)])[change]
    return b"\n".join(map(mark.join, rows))


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _marks(content: bytes, dice: random.Random) -> bytes:
    """Another sign between words, or another decimal sign."""
    old, new = dice.sample((b" ", b",", b";", b"\t", b".", b"\n", b"\r\n"), 2)
    return content.replace(old, new)


def _long(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content) + 1)
    piece = dice.choice((b"a", b"1", b" ", b"-", b",", b"[", b"{", b"a ", b"1 ", b"\n"))
    return content[:place] + piece * dice.choice((300, 20_000)) + content[place:]


DAMAGES = (_replace, _replace, _words, _number, _number, _lines, _columns, _cut, _marks)
DAMAGES += (*DAMAGES, _long)


def _zipped(content: bytes) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("abcd.txt", content)
    return packed.getvalue()


WRAPS = (
    gzip.compress,
    bz2.compress,
    lzma.compress,
    _zipped,
    lambda content: gzip.compress(content)[:-9],
    lambda content: content.decode("utf-8", "replace").encode("utf-16"),
    lambda content: b"\xef\xbb\xbf" + content,
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """An input that a reader does not stand.

    Attributes:
      reader: Which.
      number: The input's number.
      what: What happened.
    """

    reader: str
    number: int
    what: str


class _StoppedError(Exception):
    pass


def _stop(*_: object) -> None:
    raise _StoppedError(f"stopped after {STOP} s")


def make(seed: int, name: str, number: int) -> bytes:
    """One input of a reader."""
    return damaged(READERS[name].good, random.Random(f"{seed} {name} {number}"))


def judge(reader: Reader, path: pathlib.Path) -> str:
    """What is wrong with the answer to a file; "" if nothing."""
    start = time.process_time()
    try:
        reader.check(reader.read(path))
    except (ValueError, OSError) as error:
        message = str(error)
        if not message or "\n" in message:
            return f"no sentence of one line: {message!r}"
    except _StoppedError as error:
        return str(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{pathlib.Path(place.filename).name}:{place.lineno}"
        return f"{type(error).__name__}: {str(error)[:200]} ({where})"
    spent = time.process_time() - start
    return f"{spent:.1f} s" if spent > SLOW else ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Log nothing of what is doubtful."""
    logger = logging.getLogger("jaxload")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def try_inputs(seed: int, name: str, numbers: range) -> list[Finding]:
    """Give a reader some inputs, and see what it makes of them."""
    reader = READERS[name]
    found = []
    with quiet(), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        # A second network beside it would be read too; sites alone are looked for.
        (pathlib.Path(folder) / "s").write_text("ABCD 10 50\n")
        path = pathlib.Path(folder) / reader.name
        for number in numbers:
            path.write_bytes(make(seed, name, number))
            signal.signal(signal.SIGALRM, _stop)
            signal.alarm(STOP)
            what = judge(reader, path)
            signal.alarm(0)
            if what:
                found.append(Finding(name, number, what))
    return found


def _chunks(inputs: int) -> Iterator[tuple[str, range]]:
    """Pieces of work, all readers in turn."""
    each = -(-inputs // len(READERS))
    for first in range(0, each, CHUNK):
        for name in READERS:
            yield name, range(first, min(first + CHUNK, each))


def _done(log: pathlib.Path) -> dict[tuple[str, int], dict]:
    lines = log.read_text().splitlines() if log.is_file() else []
    entries = [json.loads(line) for line in lines]
    return {(e["reader"], e["first"], e["stop"]): e for e in entries}


def _work(seed: int, task: tuple[str, range]) -> tuple[str, range, float, list]:
    start = time.perf_counter()
    found = try_inputs(seed, *task)
    return *task, time.perf_counter() - start, found


def run(seed: int, inputs: int, workers: int, folder: pathlib.Path) -> list[dict]:
    """Try inputs on all readers, and go on where an earlier run stopped.

    Args:
      seed: Of all inputs.
      inputs: How many, shared out among the readers.
      workers: Processes.
      folder: Where progress and inputs that were not stood are kept.

    Returns:
      What came of each piece of work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"seed_{seed}.jsonl"
    done = _done(log)
    tasks = [t for t in _chunks(inputs) if (t[0], t[1].start, t[1].stop) not in done]
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context)
    try:
        futures = [pool.submit(_work, seed, task) for task in tasks]
        for future in concurrent.futures.as_completed(futures):
            name, numbers, seconds, found = future.result()
            entry = {"reader": name, "first": numbers.start, "stop": numbers.stop}
            shown = [[finding.number, finding.what] for finding in found]
            entry |= {"seconds": seconds, "findings": shown}
            done[name, numbers.start, numbers.stop] = entry
            with log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            for one in found:
                _keep(folder, seed, one)
    finally:
        pool.shutdown(cancel_futures=True)
    return list(done.values())


def _keep(folder: pathlib.Path, seed: int, finding: Finding) -> None:
    name = f"{finding.reader.replace(' ', '_')}_{seed}_{finding.number}"
    (folder / name).write_bytes(make(seed, finding.reader, finding.number))
    print(f"{finding.reader} {finding.number}: {finding.what} -> {folder / name}")


def report(entries: Sequence[dict]) -> int:
    """Print inputs, seconds and findings; the number of the latter."""
    total = 0
    for name in READERS:
        mine = [entry for entry in entries if entry["reader"] == name]
        count = sum(entry["stop"] - entry["first"] for entry in mine)
        found = [finding for entry in mine for finding in entry["findings"]]
        seconds = sum(entry["seconds"] for entry in mine)
        print(f"{name:24} {count:9} inputs {seconds:9.1f} s {len(found):6} findings")
        kinds = {what: number for number, what in reversed(found)}
        for what, number in kinds.items():
            print(f"    input {number}: {what}")
        total += len(found)
    count = sum(entry["stop"] - entry["first"] for entry in entries)
    seconds = sum(entry["seconds"] for entry in entries)
    print(f"{'all':24} {count:9} inputs {seconds:9.1f} s {total:6} findings")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("out/fuzz"))
    options = parser.parse_args()
    entries = run(options.seed, options.inputs, options.workers, options.folder)
    return 1 if report(entries) else 0


if __name__ == "__main__":
    sys.exit(main())
