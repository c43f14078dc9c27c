"""Names of models: those that come with jaxload, and those of users."""

import difflib

__all__ = [
    "CORRECTIONS",
    "MODELS",
    "SKELETONS",
    "STATION_MODELS",
    "check_model",
    "is_outside",
    "model_parts",
]

#: Models that come with jaxload.
MODELS = ("lstm", "convolution", "mlp", "water-balance", "land-surface")

#: Models that are fitted to stations alone: forests or networks of one station each,
#: and the heights of stations weighted by distance.
STATION_MODELS = ("forest", "station-lstm", "inverse-distance")

#: Models of physics, which another may correct: "water-balance+lstm".
SKELETONS = ("water-balance", "land-surface")

#: Models that may correct them, which read features only.
CORRECTIONS = ("lstm", "convolution", "mlp")


def model_parts(name: str) -> tuple[str, ...]:
    """Split the name of a model into a skeleton and what corrects it.

    Args:
      name: As ``gapfill.model`` has it.

    Returns:
      One name, or two.
    """
    first, plus, second = name.partition("+")
    return (first, second) if plus and ":" not in first else (name,)


def is_outside(name: str) -> bool:
    """Whether a part of a model names code of a user.

    Args:
      name: From `model_parts`.
    """
    module, _, attribute = name.rpartition(":")
    inside = module == "jaxload" or module.startswith("jaxload.")
    return bool(module and attribute) and (not inside or module.endswith(".py"))


def check_model(setting: str, name: str) -> None:
    """Check the name of a model.

    Args:
      setting: What the setting is called.
      name: Its value.

    Raises:
      ValueError: If it is none of `MODELS` and `STATION_MODELS`, no sum of one of
        `SKELETONS` and a model, and does not name code.
    """
    parts = model_parts(name)
    if len(parts) == 2 and parts[0] not in SKELETONS:
        raise ValueError(
            f"{setting} is {name!r}, but only {' and '.join(SKELETONS)} can be "
            f"corrected by another model{_nearest(parts[0], SKELETONS)}"
        )
    part = parts[-1]
    if ":" in part:
        return _check_reference(setting, part)
    known = (*MODELS, *STATION_MODELS) if len(parts) == 1 else CORRECTIONS
    if part not in known:
        raise ValueError(
            f"{setting} is {name!r}, expected {', '.join(known)}, or code as "
            f'"my_package.models:Net" or "models.py:Net"{_nearest(part, known)}'
        )
    return None


def _check_reference(setting: str, part: str) -> None:
    where, _, what = part.rpartition(":")
    dotted = where.removesuffix(".py") if where.endswith(".py") else where
    named = dotted if where.endswith(".py") else dotted.replace(".", "")
    is_code = what.isidentifier() and bool(named)
    if not is_code or not (where.endswith(".py") or named.isidentifier()):
        raise ValueError(
            f"{setting} is {part!r}, expected a module or file of Python and a name in "
            'it, as "my_package.models:WaterNet" or "models.py:WaterNet"'
        )


def _nearest(word: str, words: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else ""
