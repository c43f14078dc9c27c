"""Commands about study files before they are run: init, check, settings, example."""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import jaxload
from jaxload._help_texts import described

__all__ = ["add_study_commands", "study_of_options"]

Watch = Callable[[str, float], None]


def add_study_commands(
    commands: Any, parents: list[argparse.ArgumentParser], command: Callable[..., None]
) -> None:
    """Add commands about study files to a command line.

    Args:
      commands: What `add_subparsers` returned.
      parents: Options of every command, and of those with settings changed.
      command: Runs ``lines(options, watch)`` of the options, and writes what it
        returns.
    """
    of_init = described(
        "draft a study file from a folder of data",
        "init --from data",
        "init --from data --out studies/mine.toml",
    )
    init = commands.add_parser("init", parents=parents[:1], **of_init)
    init.add_argument(
        "--from",
        dest="folder",
        metavar="FOLDER",
        help="where series of stations are, and perhaps an outline, a list of "
        "stations, steps, GRACE; asked for if not given",
    )
    init.add_argument(
        "--out",
        default="study.toml",
        metavar="FILE",
        help="study file that is written; study.toml by default",
    )
    init.set_defaults(command=command, lines=_init)
    of_check = described(
        "look through a study file and what it reads, without computing",
        "check study.toml",
        "check study.toml --data data --set gnss.end=2020-12-31",
    )
    check = commands.add_parser("check", parents=parents, **of_check)
    check.add_argument("study", help="the study file, in TOML")
    check.add_argument(
        "--data", metavar="DIR", help="where the study's files are, if not beside it"
    )
    check.set_defaults(command=command, lines=_check)
    of_settings = described(
        "list the settings of a study file with their defaults and meanings",
        "settings",
        "settings beta",
        "settings --schema > study.schema.json",
    )
    table = commands.add_parser("settings", parents=parents[:1], **of_settings)
    table.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="list only settings whose name or meaning has all of these words",
    )
    table.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON schema of study files, by which editors complete and "
        "check them",
    )
    table.set_defaults(command=command, lines=_settings)
    of_example = described("write a study file to begin with", "example western_us")
    example = commands.add_parser("example", parents=parents[:1], **of_example)
    example.add_argument(
        "name", choices=jaxload.studies.example_names(), help="which study"
    )
    example.add_argument(
        "--out", default=".", metavar="DIR", help="its folder; this one by default"
    )
    example.set_defaults(command=command, lines=_example)


def study_of_options(options: argparse.Namespace) -> Any:
    """Read the study file of a command, some of its settings changed.

    Args:
      options: Of the command.

    Returns:
      The study.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be used.
    """
    changes = dict(map(jaxload.config.parse_change, options.changes))
    return jaxload.config.read_study(options.study, options.data, changes=changes)


def _init(options: argparse.Namespace, watch: Watch) -> list[str]:
    del watch
    folder = options.folder
    if folder is None:
        if not sys.stdin.isatty():
            raise ValueError("name the folder of the data by --from FOLDER")
        try:
            folder = input("Folder of the series of stations [.]: ")
        except EOFError:
            raise ValueError("name the folder of the data by --from FOLDER") from None
    draft = jaxload.drafting.draft_study(folder.strip() or ".", options.out)
    path = jaxload.drafting.write_draft(draft, options.out)
    return [
        *draft.notes,
        f"{path} is written; jaxload check {path} looks through it, "
        f"jaxload run {path} --out DIR runs it.",
    ]


def _check(options: argparse.Namespace, watch: Watch) -> list[str]:
    checked = jaxload.pipeline.check_study(study_of_options(options), watch)
    problems = checked.problems
    if len(problems) == 1:
        raise ValueError(problems[0])
    if problems:
        numbered = (f"({n}) {text}" for n, text in enumerate(problems, 1))
        raise ValueError(
            f"{len(problems)} things stand against {options.study}: "
            + "; ".join(numbered)
        )
    return [*checked.lines, f"{options.study} can be run."]


def _example(options: argparse.Namespace, watch: Watch) -> list[str]:
    del watch
    path = jaxload.studies.write_example(options.name, options.out)
    return [f"{path} is written; jaxload run {path} --data DIR --out OUT runs it."]


def _settings(options: argparse.Namespace, watch: Watch) -> list[str]:
    del watch
    if options.schema:
        return [json.dumps(jaxload.config.json_schema(), indent=1, ensure_ascii=False)]
    chosen = [
        setting
        for setting in jaxload.config.settings()
        if all(
            word.lower() in f"{setting.name} {setting.meaning}".lower()
            for word in options.words
        )
    ]
    if not chosen:
        raise ValueError(
            f"no setting holds {' '.join(options.words)!r}; jaxload settings lists all"
        )
    return [line for setting in chosen for line in _setting_lines(setting)]


def _setting_lines(setting: Any) -> list[str]:
    plain = {None: " (required)", "": ""}
    value = plain.get(setting.default, f" = {setting.default}")
    meaning = f"{setting.meaning} [{setting.kind}]"
    # Words such as "first-differences" are searched for as they are written.
    lines = textwrap.wrap(meaning, 80, break_on_hyphens=False)
    return [setting.name + value, *(f"    {line}" for line in lines)]
