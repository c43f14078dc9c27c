"""The table of a study file for ground of their own beneath stations."""

import dataclasses
import math

from jaxload.config.checks import REQUIRED

__all__ = ["LocalEarth"]

#: Deepest bottom of local layers [km].
DEEPEST = 100.0


@dataclasses.dataclass(frozen=True)
class LocalEarth:
    """A table of the list `earth.local`: layers on top of the Earth of a study.

    Attributes:
      thickness_km: Thickness of each layer, from the surface down [km].
      vp_km_s: Compressional velocity of each layer [km/s].
      vs_km_s: Shear velocity of each layer [km/s].
      density_kg_m3: Density of each layer [kg/m3].
      stations: Names of the stations on these layers.
      region: Outline within which all stations are on these layers, in the formats of
        `region.boundary`; empty for `stations` alone.
    """

    thickness_km: tuple[float, ...] = dataclasses.field(default=(), metadata=REQUIRED)
    vp_km_s: tuple[float, ...] = dataclasses.field(default=(), metadata=REQUIRED)
    vs_km_s: tuple[float, ...] = dataclasses.field(default=(), metadata=REQUIRED)
    density_kg_m3: tuple[float, ...] = dataclasses.field(default=(), metadata=REQUIRED)
    stations: tuple[str, ...] = ()
    region: str = ""

    def __post_init__(self) -> None:
        names = ("thickness_km", "vp_km_s", "vs_km_s", "density_kg_m3")
        columns = [getattr(self, name) for name in names]
        if not self.thickness_km or len({len(column) for column in columns}) > 1:
            counts = ", ".join(f"{n} {len(c)}" for n, c in zip(names, columns))
            raise ValueError(
                f"layers need one number each of {', '.join(names)}, but there are "
                f"{counts}; give one of each per layer"
            )
        for name, column in zip(names, columns):
            for value in column:
                if not 0 < value < math.inf:
                    raise ValueError(f"{name} is {value:g}, expected positive numbers")
        for vp, vs in zip(self.vp_km_s, self.vs_km_s):
            if vp**2 <= 4 / 3 * vs**2:
                raise ValueError(
                    f"vp_km_s {vp:g} is below sqrt(4/3) times vs_km_s {vs:g}, which no "
                    "solid has; are they swapped?"
                )
        if max(self.vp_km_s) > 20 or not 500 <= min(self.density_kg_m3) < 10_000:
            raise ValueError(
                f"layers have vp_km_s up to {max(self.vp_km_s):g} and density_kg_m3 "
                f"from {min(self.density_kg_m3):g}, which is no ground; check the units"
            )
        if sum(self.thickness_km) > DEEPEST:
            raise ValueError(
                f"thickness_km adds up to {sum(self.thickness_km):g}, expected layers "
                f"down to {DEEPEST:g} km at most; is it in metres?"
            )
        if not (self.stations or self.region):
            raise ValueError(
                "stations and region are empty; name stations, or a region"
            )
