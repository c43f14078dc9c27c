"""Count what a compiled program launches, from the text of its optimised HLO.

Every instruction that is neither free nor control is one launch, a library call
(cuSOLVER, cuBLAS) included; those of a loop count as often as the loop turns. Kernels
that a library launches by itself are not seen: the count is a lower bound.
"""

import collections
import dataclasses
import functools
import re
from collections.abc import Mapping

__all__ = ["Launches", "Loop", "count_launches"]

#: Instructions that launch nothing.
FREE = frozenset(
    [
        "parameter",
        "constant",
        "tuple",
        "get-tuple-element",
        "bitcast",
        "after-all",
        "async-done",
        "copy-done",
        "partition-id",
        "replica-id",
        "add-dependency",
        "opt-barrier",
        "async-update",
    ]
)

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
NAME = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = ")
OPERATION = re.compile(r"^ ?([\w\-]+)\((.*)$")
TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
SOURCE = re.compile(r'op_name="([^"]*)"')
TARGET = re.compile(r'custom_call_target="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Loop:
    """A loop of a program.

    Attributes:
      turns: How often its body runs, loops around it included.
      launches: Launches of one turn.
      source: Where it stands in the program.
      known: Whether the compiler knows the number of turns.
    """

    turns: int
    launches: int
    source: str
    known: bool


@dataclasses.dataclass
class Launches:
    """What one call of a program launches.

    Attributes:
      total: Number of launches.
      calls: Of them calls of libraries, by target.
      loops: All loops, those with most launches first.
    """

    total: int = 0
    calls: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )
    loops: list[Loop] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class _Instruction:
    operation: str
    rest: str

    def named(self, role: str) -> str | None:
        """The computation that the instruction calls in some role."""
        match = re.search(rf"\b{role}=%?([\w.\-]+)", self.rest)
        return match.group(1) if match else None

    def first(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.search(self.rest)
        return match.group(1) if match else None


def count_launches(text: str, trips: Mapping[str, int] | None = None) -> Launches:
    """Count the launches of one call.

    Args:
      text: The optimised HLO, as `compiled.as_text()` gives it.
      trips: Turns of loops that the compiler does not know, by a part of their place
        in the program; one for a loop that is not named.

    Returns:
      The `Launches`.

    Raises:
      ValueError: If the text has no entry computation.
    """
    computations, entry = _parsed(text)
    if entry is None:
        raise ValueError("the text holds no ENTRY computation; is it optimised HLO?")
    launches = Launches()
    launches.total = _walked(computations, entry, 1, dict(trips or {}), launches)
    launches.loops.sort(key=lambda loop: -loop.turns * loop.launches)
    return launches


def _parsed(text: str) -> tuple[dict[str, list[_Instruction]], str | None]:
    computations: dict[str, list[_Instruction]] = {}
    here, entry = None, None
    for line in text.splitlines():
        start = COMPUTATION.match(line)
        if start:
            here = computations.setdefault(start.group(2), [])
            entry = start.group(2) if start.group(1) else entry
        elif line.startswith("}"):
            here = None
        elif here is not None and (instruction := _instruction(line)):
            here.append(instruction)
    return computations, entry


def _instruction(line: str) -> _Instruction | None:
    name = NAME.match(line)
    if not name:
        return None
    match = OPERATION.match(_behind_shape(line[name.end() :]))
    return _Instruction(match.group(1), match.group(2)) if match else None


def _behind_shape(text: str) -> str:
    """What follows the shape of the result, which may be a tuple of tuples."""
    if not text.startswith("("):
        return text[text.index(" ") :] if " " in text else ""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[place + 1 :]
    return ""


def _walked(
    computations: Mapping[str, list[_Instruction]],
    name: str,
    times: int,
    trips: Mapping[str, int],
    launches: Launches,
) -> int:
    """Launches of a computation that runs so many times."""
    again = functools.partial(_walked, computations, trips=trips, launches=launches)
    total = 0
    for instruction in computations.get(name, []):
        operation = instruction.operation
        if operation in FREE:
            continue
        if operation == "while":
            total += _loop(instruction, times, again, trips, launches)
        elif operation == "conditional":
            total += max(again(branch, times) for branch in _branches(instruction))
        elif operation == "call" and (called := instruction.named("to_apply")):
            total += again(called, times)
        else:
            total += times
            if target := instruction.first(TARGET):
                launches.calls[target] += times
    return total


def _loop(instruction, times, again, trips, launches) -> int:
    source = instruction.first(SOURCE) or ""
    known = instruction.first(TRIPS)
    turns = int(known) if known else _assumed(source, trips)
    inside = again(instruction.named("body"), times * turns)
    if not known:
        # The condition is computed on the device, and waited for.
        inside += again(instruction.named("condition"), times * turns)
    each = inside // (times * turns) if times * turns else 0
    launches.loops.append(Loop(times * turns, each, source, known is not None))
    return inside


def _assumed(source: str, trips: Mapping[str, int]) -> int:
    return next((turns for part, turns in trips.items() if part in source), 1)


def _branches(instruction: _Instruction) -> list[str]:
    listed = re.search(r"branch_computations=\{([^}]*)\}", instruction.rest)
    if listed:
        return [name.strip().lstrip("%") for name in listed.group(1).split(",")]
    roles = ("true_computation", "false_computation")
    return [name for role in roles if (name := instruction.named(role))]
