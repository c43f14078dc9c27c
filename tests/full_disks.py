"""Disks that are full: one sentence, nothing broken, and what was computed is kept.

    python tests/full_disks.py

Each command runs in a small disk of its own, in memory, once for each of many sizes, so
that the room ends at every file in turn. Then the disk grows, and ``--resume`` must end
with the result of a run that had room from the beginning. To mount disks one has to be
root; where nobody may, nothing is tried and that is said.
"""

import argparse
import contextlib
import dataclasses
import functools
import io as streams
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import faults

#: Room of the large disk, and the pages in which a disk in memory grows [bytes].
LARGE, PAGE = 1 << 28, 4096

#: What is run, as words of the command line but for its folder.
KINDS = ("run", "demo", "world", "joint")


#: Sizes of disks at most, for commands that take long.
FEWER = {"joint": 4, "world": 6}

#: No room for temporary files either; and an older result where the new one goes.
MORE = (("run", "full"), ("run", "older"))


def can_mount() -> bool:
    """Whether disks can be mounted here."""
    words = "mount -t tmpfs -o size=1m tmpfs /mnt"
    with contextlib.suppress(OSError):
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", words], capture_output=True, check=False
        )
        return done.returncode == 0
    return False


def words_of(kind: str, data: pathlib.Path, out: pathlib.Path) -> list[str]:
    """The command line."""
    return {
        "run": ["run", f"{data}/study.toml", "--out", str(out)],
        "joint": ["run", f"{data}/study.toml", "--out", str(out)],
        "demo": ["demo", "--out", str(out)],
        "world": ["world", "western_yunnan", "--out", str(out)],
    }[kind]


def prepare(kind: str, data: pathlib.Path) -> None:
    """Write what is read, and make worlds small."""
    from jaxload import demo, synthetic

    small = synthetic.TwinSettings(
        stations=12, days=60, radius=2.0, belt=1.0, spacing=0.5
    )
    demo.SYSTEMS["traditional"] = functools.partial(demo.run_twin, settings=small)
    if kind == "joint":
        faults.prepare(kind, data)
    elif kind == "run":
        import test_cli

        data.mkdir(parents=True, exist_ok=True)
        test_cli.write_study(data)
        text = (data / "study.toml").read_text()
        (data / "study.toml").write_text(text.replace("beta_count = 3", "beta = 0.05"))


def call(words: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command; its exit code and the lines that it wrote to stderr."""
    from jaxload import cli

    said = streams.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = cli.main(list(words))
    return code, said.getvalue().splitlines()


@dataclasses.dataclass
class Disk:
    """A small disk.

    Attributes:
      place: Where it is mounted.
    """

    place: pathlib.Path

    def mount(self, size: int) -> None:
        """Make it anew."""
        self.place.mkdir(exist_ok=True)
        self._do("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def fit_forests(self, size: int = LARGE) -> None:
        """Change the room."""
        self._do("mount", "-o", f"remount,size={size}")

    def unmount(self) -> None:
        """Let go of it."""
        subprocess.run(["umount", "-l", self.place], check=True)

    def used(self) -> int:
        """Bytes that are taken."""
        about = os.statvfs(self.place)
        return (about.f_blocks - about.f_bfree) * about.f_frsize

    def _do(self, *words: str) -> None:
        subprocess.run([*words, self.place], check=True)


def child(kind: str, folder: str, count: str, spare: str) -> int:
    """Try sizes, in a process whose mounts nobody else sees."""
    base = pathlib.Path(folder)
    disk, data, whole = Disk(base / "disk"), base / "data", base / "whole"
    prepare(kind, data)
    disk.mount(LARGE)
    before = disk.used()
    code, said = call(words_of(kind, data, disk.place / "out"))
    assert code == 0, said
    need = disk.used() - before
    shutil.copytree(disk.place / "out", whole)
    disk.unmount()
    if spare == "full":
        # Nor is there room where the system keeps temporary files.
        tempfile.tempdir = str(disk.place)
    # While a result is written there may be more than in the end.
    sizes = [
        PAGE * (3 + round(1.3 * need / PAGE * k / int(count)))
        for k in range(int(count))
    ]
    older = base / "older"
    if spare == "older":
        make_older(data, older, disk)
    for size in dict.fromkeys(sizes):
        entry = try_size(kind, size, disk, (data, whole, older))
        print(
            json.dumps({"kind": kind, "size": size, "spare": spare} | entry), flush=True
        )
    return 0


def make_older(data: pathlib.Path, older: pathlib.Path, disk: Disk) -> None:
    """A result of other settings, which is there when the disk is full."""
    study = (data / "study.toml").read_text()
    (data / "study.toml").write_text(study.replace("beta = 0.05", "beta = 0.5"))
    disk.mount(LARGE)
    code, said = call(words_of("run", data, disk.place / "out"))
    assert code == 0, said
    shutil.copytree(disk.place / "out", older)
    disk.unmount()
    (data / "study.toml").write_text(study)


def mixed(out: pathlib.Path, whole: pathlib.Path, older: pathlib.Path) -> list[str]:
    """Files that are neither of the older result nor of the new one."""
    found = []
    for path in out.iterdir():
        known = [x / path.name for x in (whole, older) if (x / path.name).is_file()]
        content = [x.read_bytes() for x in known]
        if path.name == "run.log":
            continue
        if path.is_file() and path.read_bytes() not in content:
            found.append(f"{path.name} is of no result")
    # The older result is given up only for one that is complete.
    gone = [x.name for x in older.iterdir() if not (out / x.name).exists()]
    if gone and not (out / ".unfinished" / "about.json").is_file():
        found.append(f"{gone} of the older result are gone")
    return found


def try_size(
    kind: str, size: int, disk: Disk, folders: tuple[pathlib.Path, ...]
) -> dict[str, Any]:
    """Run with too little room, then with enough."""
    (data, whole, older), out = folders, disk.place / "out"
    words = words_of(kind, data, out)
    disk.mount(LARGE)
    if older.exists():
        shutil.copytree(older, out)
    disk.fit_forests(disk.used() + size)
    try:
        code, said = call(words)
        wrong = judge(code, said)
        there = out if out.exists() else disk.place
        wrong += faults.broken_files(there)
        left = [p.name for p in there.rglob(".*.part")]
        wrong += [f"left behind: {left}"] if left else []
        if older.exists() and code:
            wrong += mixed(out, whole, older)
        disk.fit_forests()
        # What was refused before anything was computed begins anew.
        refused = any("they take about" in line for line in said)
        anew = kind == "world" or refused
        again, then = call(words if anew else [*words, "--resume"])
        if again:
            wrong.append(f"resumed with {again}: {' '.join(then)[-300:]}")
        else:
            wrong += faults.different(whole, out)
        kept = any("are kept in" in line for line in said)
        about = {"code": code, "kept": kept, "refused": refused}
        return about | {"said": said[-1:], "wrong": wrong}
    finally:
        disk.unmount()


def judge(code: int, said: list[str]) -> list[str]:
    """What is wrong with how a run ended."""
    errors = [line for line in said if line.startswith("jaxload: ")]
    others = [line for line in said if not line.startswith(("jaxload: ", "WARNING: "))]
    if code == 0:
        return [line for line in errors]
    wrong = [] if code == 2 else [f"exit code {code}"]
    if len(errors) != 1 or others:
        wrong.append(f"not one sentence: {said[-5:]}")
    elif "No space left" not in errors[0]:
        wrong.append(f"it does not say why: {errors[0]}")
    return wrong


def fill_disks(
    kind: str, sizes: int, folder: pathlib.Path, spare: str = "room"
) -> list[dict[str, Any]]:
    """Run a command on disks of several sizes.

    Args:
      kind: One of `KINDS`.
      sizes: How many.
      folder: Made anew, for all of it.
      spare: "full" if there is no room for temporary files either, "older" if there is
        an older result where the new one goes.

    Returns:
      What came of each size.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = [sys.executable, __file__, "--child", kind, str(folder), str(sizes), spare]
    done = subprocess.run(
        ["unshare", "-m", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
    if done.returncode:
        found.append({"kind": kind, "wrong": [f"ended with {done.returncode}"]})
    return found


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, default=24, help="of disks, each command")
    parser.add_argument(
        "--folder", type=pathlib.Path, default=pathlib.Path("out/full_disks")
    )
    options = parser.parse_args()
    if not can_mount():
        print("no disk can be mounted here, as one has to be root; nothing is tried")
        return 0
    total = 0
    for kind, spare in [*((k, "room") for k in KINDS), *MORE]:
        sizes = min(options.sizes, FEWER.get(kind, options.sizes))
        place = options.folder.absolute() / f"{kind}_{spare}"
        found = fill_disks(kind, sizes, place, spare)
        failed = [entry for entry in found if entry.get("code")]
        wrong = [(e.get("size"), what) for e in found for what in e["wrong"]]
        print(
            f"{kind:6} {spare:6} {len(found)} sizes, {len(failed)} full,"
            f" {sum(e.get('kept', False) for e in found)} kept, {len(wrong)} faults",
            flush=True,
        )
        for size, what in wrong:
            print(f"    {size} bytes: {what}")
        total += len(wrong)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
