"""The command line: run a study, describe a result, demonstrate, simulate."""

import argparse
import contextlib
import dataclasses
import functools
import os
import pathlib
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from io import TextIOWrapper

from rich.console import Console

# What computes is imported by the commands that compute, as that takes seconds.
import jaxload
from jaxload import _launch, config
from jaxload._console import messages_on, progress_on
from jaxload._fetch_commands import add_fetch_commands
from jaxload._help_texts import described
from jaxload._memory import return_freed_memory
from jaxload._result_commands import add_result_commands
from jaxload._study_commands import add_study_commands, study_of_options

__all__ = ["main"]

#: What is wrong is said in one sentence; everything else is a fault of the program.
USER_ERRORS = (ValueError, OSError)

#: What a newcomer does first.
BEGIN = """to begin with:
  jaxload demo                          simulate a small world and invert it (a minute)
  jaxload init --from FOLDER            draft study.toml from a folder of your series
  jaxload check study.toml              look through it, without computing
  jaxload run study.toml --out results  compute, draw figures, describe the results
jaxload COMMAND --help describes a command; jaxload settings those of a study file.
"""

BAD_INPUT, UNSOLVED, INTERRUPTED, TERMINATED = 2, 3, 130, 143

#: What can be demonstrated, of `demo.SYSTEMS`, and simulated, of `demo.WORLDS`.
SYSTEMS = ("traditional", "groundwater", "mllim", "dwlim", "joint")
WORLDS = ("southwest_china", "mainland_china", "western_yunnan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
      arguments: Words after the program's name; those of the process by default.

    Returns:
      The exit code: 0, 2 for input that cannot be used, 3 where no epoch could be
      solved, 130 for an interruption, 143 where the process was asked to end.
    """
    _write_all_letters()
    return_freed_memory()
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        parser.exit(BAD_INPUT)
    options = parser.parse_args(arguments)
    if options.computes:
        _prepare_jax(options.no_cache)
    console = Console(stderr=True)
    try:
        with _ending_in_order(), messages_on(console, options.verbose):
            options.command(options, console)
    except USER_ERRORS as error:
        if options.traceback:
            raise
        _complain(console, error)
        return _exit_code(error)
    except KeyboardInterrupt as stopped:
        code, sentence = _stopped(stopped)
        console.print(sentence, soft_wrap=True)
        return code
    return 0


def _stopped(stopped: KeyboardInterrupt) -> tuple[int, str]:
    ended = isinstance(stopped, _Terminated)
    word = "ended" if ended else "interrupted"
    sentence = f"{word}; what was complete is kept, and --resume goes on from there"
    return TERMINATED if ended else INTERRUPTED, sentence


class _Terminated(KeyboardInterrupt):
    """Batch systems and ``kill`` ask a process to end; it leaves as if by Ctrl-C."""


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """End by an exception where the system asks to, so that files are tidied."""

    def end(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _write_all_letters() -> None:
    """Let terminals that lack a letter show its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _exit_code(error: Exception) -> int:
    """The exit code of an error of what the user gave."""
    # Nothing was unsolved where nothing was to be solved.
    if "jaxload.pipeline" not in sys.modules:
        return BAD_INPUT
    return UNSOLVED if isinstance(error, jaxload.pipeline.Unsolved) else BAD_INPUT


def _prepare_jax(no_cache: bool) -> None:
    """Compute in double precision, on all cores, with programs that were compiled."""
    import jax

    from jaxload._compile_cache import keep_programs
    from jaxload._cores import available_cores

    jax.config.update("jax_enable_x64", True)
    if not no_cache:
        keep_programs()
    # Networks are shared out among devices, of which each core is one.
    if "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    # Refused where JAX was used before, by a caller who then has decided.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", available_cores())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxload",
        description="Terrestrial water storage from GNSS displacement.",
        epilog=BEGIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"jaxload {jaxload.__version__}"
    )
    # Only what computes looks through the folder of compiled programs.
    parser.set_defaults(computes=False)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="report steps of the work too",
    )
    common.add_argument(
        "--traceback",
        action="store_true",
        help="show where in the program an error arose, to report it",
    )
    common.add_argument(
        "--no-cache",
        action="store_true",
        help="do not keep compiled programs in the user's cache folder",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    changes = _changes()
    of_run = described(
        "compute water storage from the files of a study",
        "run study.toml --out results",
        "run study.toml --out results --set inversion.beta=0.02 --set region.spacing=1",
        "run study.toml --out results --resume",
    )
    run = commands.add_parser("run", parents=[common, changes], **of_run)
    run.add_argument("study", help="the study file, in TOML")
    run.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where results go",
    )
    run.add_argument(
        "--data", metavar="DIR", help="where the study's files are, if not beside it"
    )
    run.add_argument(
        "--strict", action="store_true", help="stop at a file that cannot be read"
    )
    _add_resume(run)
    _launch.add_options(run)
    run.set_defaults(command=_run, computes=True)
    add_study_commands(commands, [common, changes], _say_lines)
    of_update = described(
        "add new, late and reprocessed days to a finished study",
        "update results",
        "update results --data newest --end 2024-01-31 --figures",
    )
    update = commands.add_parser("update", parents=[common], **of_update)
    update.add_argument("folder", metavar="DIR", help="where its results are")
    update.add_argument(
        "--data",
        metavar="DIR",
        help="where the study's files are, if not where the run read them",
    )
    update.add_argument(
        "--end",
        metavar="DAY",
        help="last day wanted of this update, as 2024-01-31; gnss.end of the study by "
        "default",
    )
    update.add_argument("--figures", action="store_true", help="draw the figures anew")
    update.set_defaults(command=_update, computes=True)
    of_sweep = described(
        "evaluate many settings of a study",
        "sweep sweep.toml --out sweep --workers 2",
    )
    sweep = commands.add_parser("sweep", parents=[common], **of_sweep)
    sweep.add_argument("sweep", help="the sweep file, in TOML (docs/sweeps.md)")
    sweep.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where results go",
    )
    sweep.add_argument(
        "--data", metavar="DIR", help="where the study's files are, if not beside it"
    )
    sweep.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes of this machine that share its cores and the settings; on "
        "other machines start the same command with the same --out",
    )
    sweep.add_argument(
        "--worker",
        default="",
        metavar="NAME",
        help="name of this worker in the record of trials; its process by default",
    )
    sweep.add_argument(
        "--part",
        default="1/1",
        metavar="I/N",
        help="a fixed share of the settings, for jobs that share no storage",
    )
    sweep.add_argument(
        "--combine",
        action="store_true",
        help="compute the water of the best settings too, and join it to one product "
        "whose standard errors hold their differences",
    )
    sweep.add_argument(
        "--yes", action="store_true", help="evaluate more than ten thousand settings"
    )
    sweep.add_argument(
        "--resume",
        action="store_true",
        help="evaluate settings again that could not be evaluated",
    )
    sweep.set_defaults(command=_sweep, computes=True)
    of_info = described("describe a result", "info results")
    info = commands.add_parser("info", parents=[common], **of_info)
    info.add_argument("folder", metavar="DIR", help="where results are")
    info.set_defaults(command=_info)
    of_demo = described(
        "simulate a world, invert it, and compare with the truth",
        "demo",
        "demo --system mllim --out filled",
    )
    shown = commands.add_parser("demo", parents=[common], **of_demo)
    shown.add_argument(
        "--out", default="jaxload-demo", metavar="DIR", help="where results go"
    )
    shown.add_argument(
        "--system",
        default="traditional",
        choices=SYSTEMS,
        help="the inversion of a cluster of stations (the default); groundwater of "
        "western Yunnan beneath the loads of air, soil and sea; or southwest China, "
        "where cells without a station are filled by random forests (MLLIM) or "
        "networks (DWLIM), or water by a network trained through the inversion (joint)",
    )
    _add_resume(shown)
    shown.set_defaults(command=_demo, computes=True)
    of_world = described(
        "simulate the files that a study reads", "world western_yunnan --out world"
    )
    world = commands.add_parser("world", parents=[common], **of_world)
    world.add_argument("world", choices=WORLDS, help="place and what it has")
    world.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the files"
    )
    world.add_argument(
        "--seed", type=int, help="seed of random numbers; one of the world by default"
    )
    world.set_defaults(command=_world, computes=True)
    add_result_commands(commands, common, _say_lines)
    add_fetch_commands(commands, common, _say_lines)
    return parser


def _changes() -> argparse.ArgumentParser:
    """Options of commands that read a study with some settings changed."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="KEY=VALUE",
        help="a setting in place of that in the file, such as inversion.beta=0.02; "
        "may be given again",
    )
    return parser


def _add_resume(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--resume",
        action="store_true",
        help="take up what an earlier run of the same left: write results that were "
        "computed, go on with a training",
    )


def _run(options: argparse.Namespace, console: Console) -> None:
    from jaxload import _processes

    launch = _launch.find_launch(
        options.processes, options.process, options.coordinator
    )
    if launch is None:
        _run_study(options, console)
        return

    def work(first: bool) -> None:
        console.quiet = not first
        _run_study(options, console)

    def judge(error: BaseException) -> tuple[int, str] | None:
        if isinstance(error, KeyboardInterrupt):
            return _stopped(error)
        if options.traceback or not isinstance(error, USER_ERRORS):
            return None
        return _exit_code(error), str(error)

    complain = lambda sentence: _complain(Console(stderr=True), sentence)
    _processes.run_divided(launch, work, complain, judge)


def _run_study(options: argparse.Namespace, console: Console) -> None:
    study = study_of_options(options)
    if options.strict:
        gnss = dataclasses.replace(study.gnss, strict=True)
        study = dataclasses.replace(study, gnss=gnss)
    with progress_on(console) as watch:
        # Files are described once nothing holds them open.
        jaxload.pipeline.run(study, options.out, watch, options.resume).close()
    if console.quiet:
        return
    # What was warned of stands on the terminal already.
    _say(jaxload.description.describe(options.out, warnings=False))


def _update(options: argparse.Namespace, console: Console) -> None:
    with progress_on(console) as watch:
        update = jaxload.pipeline.update_study(
            options.folder, options.data, options.end, options.figures, watch
        )
    _say(jaxload.description.describe_update(update.about))


def _sweep(options: argparse.Namespace, console: Console) -> None:
    sweep = config.read_sweep(options.sweep, options.data)
    jaxload.sweep.check_size(sweep, options.yes)
    part = _part(options.part)
    if options.workers < 1:
        raise ValueError(f"--workers is {options.workers}, expected 1 or more")
    words = ["sweep", options.sweep, "--out", options.out, "--yes"]
    words += ["--data", options.data] if options.data else []
    words += ["--part", options.part]
    run = functools.partial(jaxload.sweep.run_sweep, sweep, options.out, part=part)
    words += ["--no-cache"] if options.no_cache else []
    more_workers = jaxload.sweep.more_workers(words, options.out, options.workers)
    with progress_on(console) as watch, more_workers:
        result = run(watch=watch, worker=options.worker, resume=options.resume)
    if options.workers > 1:
        # What a worker lost that ended early is evaluated here.
        result = run()
    lines = jaxload.sweep.describe_sweep(options.out)
    if options.combine:
        with progress_on(console) as watch:
            place = jaxload.sweep.combine(result, options.out, watch=watch)
        lines.append(f"the product of several settings is in {place}")
    _say(lines)


def _part(text: str) -> tuple[int, int]:
    """A share of the settings, as "2/8"."""
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    number, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise ValueError(f"--part is {text!r}, expected a number and a count, as 2/8")
    return number, count


def _info(options: argparse.Namespace, console: Console) -> None:
    del console
    if pathlib.Path(options.folder, config.SWEEP_SUMMARY).is_file():
        _say(jaxload.sweep.describe_sweep(options.folder))
        return
    _say(jaxload.description.describe(options.folder))


def _demo(options: argparse.Namespace, console: Console) -> None:
    with progress_on(console) as watch:
        lines = jaxload.demo.SYSTEMS[options.system](
            options.out, watch=watch, resume=options.resume
        )
    _say(lines)


def _world(options: argparse.Namespace, console: Console) -> None:
    with progress_on(console) as watch:
        lines = jaxload.demo.simulate(options.world, options.out, options.seed, watch)
    _say(lines)


def _say_lines(options: argparse.Namespace, console: Console) -> None:
    with progress_on(console) as watch:
        lines = options.lines(options, watch)
    _say(lines)


def _complain(console: Console, error: Exception | str) -> None:
    """One line, however long, so that a script can read it."""
    console.print("jaxload:", style="bold red", end=" ")
    sentence = " ".join(str(error).split())
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _say(lines: Sequence[str]) -> None:
    """Write lines, as far as anyone reads them."""
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        _drop_output()
        raise ValueError(
            f"standard output cannot be written to ({error.strerror}); results, where "
            "there were any to write, are in their folder"
        ) from None


def _drop_output() -> None:
    """What waits to be written would be tried, and fail, once more at the end."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
