"""What settings of a sweep have in common, computed once in a process."""

import collections
import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from jaxload import config
from jaxload.pipeline.estimation.few_unknowns import has_few_unknowns
from jaxload.pipeline.estimation.noise_model import (
    has_unknown_noise,
    with_shared_noise,
)
from jaxload.pipeline.estimation.problem import (
    Model,
    make_model,
    make_prior,
    make_problem,
    station_design,
)
from jaxload.pipeline.prepare import loads
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.stages import prepare

__all__ = ["Shared", "without_inversion"]

#: Results that are kept, the latest of each kind; heights of a network take most.
MOST_KEPT = {"prepared": 3, "design": 6, "prior": 12, "problem": 6, "common": 64}

#: Settings of ``[inversion]`` that make the prior.
OF_PRIOR = ("prior", "boundary", "metric", "correlation_length_km", "amplitude")

#: Settings of loads of few unknowns.
OF_UNKNOWNS = (
    *("unknowns", "slepian_degree", "slepian_least_concentration"),
    "slepian_smoothing_km",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Shared:
    """Results that several settings share.

    Attributes:
      clock: Times the stages.
      kept: The latest results by their kind and by what they were computed from.
      count: How many of each kind were computed.
    """

    clock: Clock
    kept: dict[str, collections.OrderedDict[Hashable, Any]] = dataclasses.field(
        default_factory=dict
    )
    count: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )

    def prepared(self, study: config.Study) -> Prepared:
        """Read, screen and clean the heights of a study, and remove loads.

        Args:
          study: The study; its table ``[inversion]`` plays no part.

        Returns:
          What is to be inverted.

        Raises:
          FileNotFoundError: If a file is missing.
          ValueError: If an input cannot be used.
        """
        make = lambda: prepare(study, None, self.clock)
        return self._once("prepared", without_inversion(study), make)

    def model(self, study: config.Study, prepared: Prepared) -> Model:
        """Make the inverse problem of a study.

        Args:
          study: The study.
          prepared: From `prepared`.

        Returns:
          The model, its common mode estimated where the study says so.

        Raises:
          ValueError: As the stages do.
        """
        rows, grid = prepared.rows, prepared.area.grid
        heights = without_inversion(study)
        few = OF_UNKNOWNS if has_few_unknowns(study) else ()
        unknowns = tuple(getattr(study.inversion, name) for name in few)
        response = heights, study.earth, unknowns
        of_prior = tuple(getattr(study.inversion, name) for name in OF_PRIOR) + unknowns
        with self.clock.stage("design_matrix"):
            design = self._once(
                "design", response, lambda: station_design(study, rows, grid)
            )
            prior = self._once(
                "prior", (heights, of_prior), lambda: make_prior(study, grid)
            )
            both = self._once(
                "problem", (response, of_prior), lambda: make_problem(design, prior)
            )
            model = make_model(study, rows, grid, both)
        if not has_unknown_noise(study):
            return model
        # It is estimated with a beta of its own.
        settings = study.inversion
        start = settings.beta_min * settings.beta_max
        frame = tuple(getattr(settings, name) for name in config.FRAME_SETTINGS)
        common = settings.common_mode_mm
        key = response, of_prior, start, frame, common
        estimate = lambda: _noise_and_rows(
            with_shared_noise(study, model, rows.time.values)
        )
        noise, of_rows = self._once("common", key, estimate)
        return dataclasses.replace(model, noise=noise, rows=of_rows)

    def _once(self, kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """A result computed earlier, or computed now; the oldest beyond some go."""
        kept = self.kept.setdefault(kind, collections.OrderedDict())
        if key not in kept:
            self.count[kind] += 1
            kept[key] = make()
            if len(kept) > MOST_KEPT[kind]:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def without_inversion(study: config.Study) -> str:
    """Write the part of a study on which its prepared heights depend.

    Args:
      study: The study.

    Returns:
      Text that is the same for studies whose heights are prepared alike.
    """
    same = {"inversion": config.Inversion(), "output": config.Output(), "title": ""}
    if not (loads.needs_loads(study) or study.gapfill):
        same["earth"] = config.Earth()
    if study.gapfill is not None and study.gapfill.joint:
        # Trained only after the heights are ready, which are centred for any.
        same["gapfill"] = config.Gapfill(method=study.gapfill.method)
        same["weather"] = config.Weather(temperature="read later")
        same["features"] = config.Features()
    alike = dataclasses.replace(study, **same)  # pyright: ignore[reportArgumentType]
    return f"{study.folder}\n{config.to_toml(alike)}"


def _noise_and_rows(model: Model) -> tuple[Any, Any]:
    return model.noise, model.rows
