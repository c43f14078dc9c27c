"""What a result was made of: the study, and the content of the files that it names."""

import dataclasses
import hashlib
import os
import pathlib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from jaxload import config
from jaxload.io.files.digests import content_digest
from jaxload.io.files.paths import expand

__all__ = ["Origin", "changes", "named_files", "origin_of"]

#: Settings and tables that name no input of numbers.
OUTPUTS = ("cache", "checkpoints", "title", "folder", "figures")

#: Settings, and tables of them, that change no number of a result: what figures look
#: like, where parts of the work are kept, and how many processes do it.
IDLE = ("figures", "features.cache", "features.workers", "gapfill.checkpoints")

#: Changes that a sentence names.
NAMED = 3


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a result was made of.

    Attributes:
      study: The study as the text of a file, defaults included.
      files: By the name of each file that the study names, what its content is.
    """

    study: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """All that numbers depend on as sixteen hexadecimal digits."""
        settings = sorted(_settings_of_numbers(self.study).items())
        text = repr((settings, sorted(self.files.items())))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def origin_of(study: config.Study) -> Origin:
    """Read what a study is and what its files hold.

    Args:
      study: The study.

    Returns:
      The `Origin`. What cannot be read counts as such: it is no error here.
    """
    files = {name: _content(path) for name, path in named_files(study).items()}
    return Origin(config.to_toml(study), files)


def named_files(study: config.Study) -> dict[str, pathlib.Path]:
    """Find the files that a study names.

    Args:
      study: The study.

    Returns:
      Their paths, by those from the folder of the study.
    """
    return {
        os.path.relpath(path, study.folder): path
        for text in _texts(dataclasses.asdict(study))
        for path in _named(study, text)
    }


def _texts(value: Any) -> Iterator[str]:
    """Every text in the settings; few of them are names of files."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if key not in OUTPUTS:
                yield from _texts(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _texts(each)


def _named(study: config.Study, text: str) -> list[pathlib.Path]:
    """Files that a text may mean: itself, those in it, or those of its pattern."""
    paths = []
    # Code is named as "models.py:Net", perhaps behind what it corrects.
    code = {part.rpartition(":")[0] for part in text.split("+")} - {""}
    for name in {text, text.split(": ")[0], *code}:
        try:
            matches = expand(study.path(name))
        except (ValueError, OSError):
            continue
        for path in matches:
            paths += _files_at(path)
    return paths


def _files_at(path: pathlib.Path) -> list[pathlib.Path]:
    """The file; in a folder those that have no hidden name; of an archive the whole."""
    if path.is_dir():
        inside = [each for each in path.iterdir() if not each.name.startswith(".")]
        return sorted(each for each in inside if each.is_file())
    while not path.exists() and path != path.parent:
        path = path.parent
    return [path] if path.is_file() else []


def _content(path: pathlib.Path) -> str:
    try:
        return content_digest(path)
    except OSError:
        return "unreadable"


def changes(before: Origin, after: Origin) -> list[str]:
    """Name what differs.

    Args:
      before: What a result was made of.
      after: What it would be made of now.

    Returns:
      Settings that numbers depend on and files, a few and the number of the others;
      empty for the same.
    """
    settings = _different(*(_settings_of_numbers(x.study) for x in (before, after)))
    files = _different(before.files, after.files)
    names = [*settings, *files]
    more = len(names) - NAMED
    return names if more <= 0 else [*names[:NAMED], f"{more} more"]


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys([*one, *other])
    return [name for name in names if repr(one.get(name)) != repr(other.get(name))]


def _settings_of_numbers(text: str) -> dict[str, Any]:
    settings = {}
    for name, value in tomllib.loads(text).items():
        if isinstance(value, dict):
            settings |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            settings[name] = value
    idle = lambda name: name in IDLE or name.split(".")[0] in IDLE
    return {name: value for name, value in settings.items() if not idle(name)}
