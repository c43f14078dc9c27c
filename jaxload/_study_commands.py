"""Commands about study files before they are run: init, check."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import jaxload

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
    init = commands.add_parser(
        "init", parents=parents[:1], help="draft a study file from a folder of data"
    )
    init.add_argument(
        "--from",
        dest="folder",
        metavar="FOLDER",
        help="where series of stations are, and perhaps an outline, a list of "
        "stations, steps, GRACE; asked for if not given",
    )
    init.add_argument(
        "--out", default="study.toml", metavar="FILE", help="the study file"
    )
    init.set_defaults(command=command, lines=_init)
    check = commands.add_parser(
        "check",
        parents=parents,
        help="look through a study file and what it reads, without computing",
    )
    check.add_argument("study", help="a TOML file")
    check.add_argument(
        "--data", metavar="DIR", help="where the study's files are, if not beside it"
    )
    check.set_defaults(command=command, lines=_check)


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
            folder = input("Folder of the series of stations: ").strip()
        except EOFError:
            raise ValueError("name the folder of the data by --from FOLDER") from None
    draft = jaxload.drafting.draft_study(folder, options.out)
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
