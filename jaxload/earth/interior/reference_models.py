"""Published models of the whole Earth."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from jaxload.constants import EARTH_RADIUS
from jaxload.earth.interior.model import (
    EarthModel,
    earth_model,
    from_velocities,
    refine,
)

__all__ = ["ak135", "iasp91", "prem"]

# PREM's layers from the centre: boundaries [km]; density [g/cm3], vp and vs [km/s] as
# polynomials in r/a. Between 220 km depth and the Moho PREM is transversely isotropic;
# these are the polynomials it gives for an equivalent isotropic Earth, at a period of
# 1 s.
_BOUNDARY = (0, 1221.5, 3480, 3630, 5600, 5701, 5771, 5971, 6151, 6346.6, 6356)
_LOWER_MANTLE = (7.9565, -6.4761, 5.5283, -3.0807)
_DENSITY = (
    (13.0885, 0, -8.8381),
    (12.5815, -1.2638, -3.6426, -5.5281),
    _LOWER_MANTLE,
    _LOWER_MANTLE,
    _LOWER_MANTLE,
    (5.3197, -1.4836),
    (11.2494, -8.0298),
    (7.1089, -3.8045),
    (2.691, 0.6924),
    (2.9,),
)
_VP = (
    (11.2622, 0, -6.364),
    (11.0487, -4.0362, 4.8023, -13.5732),
    (15.3891, -5.3181, 5.5242, -2.5514),
    (24.952, -40.4673, 51.4832, -26.6419),
    (29.2766, -23.6027, 5.5242, -2.5514),
    (19.0957, -9.8672),
    (39.7027, -32.6166),
    (20.3926, -12.2569),
    (4.1875, 3.9382),
    (6.8,),
)
_VS = (
    (3.6678, 0, -4.4475),
    (0,),
    (6.9254, 1.4672, -2.0834, 0.9783),
    (11.1671, -13.7818, 17.4575, -9.2777),
    (22.3459, -17.2473, -2.0834, 0.9783),
    (9.9839, -4.9324),
    (22.3512, -18.5856),
    (8.9496, -4.4597),
    (2.1519, 2.3481),
    (3.9,),
)
# What lies above, as boundaries, density, vp and vs: its 3 km of ocean over 12 km of
# crust, or one crust with the moduli of the latter, of such a density that the total
# mass is kept.
_LIGHTER = (2.600 / 2.28340) ** 0.5
_WET = (
    (6368, 6371),
    ((2.600,), (1.020,)),
    ((5.800,), (1.450,)),
    ((3.200,), (0,)),
)
_DRY = ((6371,), ((2.28340,),), ((5.800 * _LIGHTER,),), ((3.200 * _LIGHTER,),))
# Its attenuation, as 1 / Q_mu and 1 / Q_kappa of the layers with these tops [km]. At
# 80 km depth lies the only one of them that is no boundary of density and velocities.
_LID = 6291
_Q_TOP = (1221.5, 3480, 5701, 6151, _LID, 6368, 6371)
_INVERSE_Q = (
    (1 / 84.6, 1 / 1327.7),
    (0, 1 / 57823),
    (1 / 312, 1 / 57823),
    (1 / 143, 1 / 57823),
    (1 / 80, 1 / 57823),
    (1 / 600, 1 / 57823),
    (1 / 600, 1 / 57823),
)

# iasp91 in the same form.
_IASP91_BOUNDARY = (
    0,
    1217.1,
    3482,
    3631,
    5611,
    5711,
    5961,
    6161,
    6251,
    6336,
    6351,
    6371,
)
_IASP91_LOWER = (6.8143, -1.66273, -1.18531)
_IASP91_UPPER = (7.15855, -3.85999)
_IASP91_DENSITY = (
    (13.01219, 0, -8.45292),
    (12.58416, -1.69929, -1.94128, -7.11215),
    _IASP91_LOWER,
    _IASP91_LOWER,
    _IASP91_LOWER,
    (11.11978, -7.87054),
    _IASP91_UPPER,
    _IASP91_UPPER,
    _IASP91_UPPER,
    (2.92,),
    (2.72,),
)
_IASP91_VP = (
    (11.24094, 0, -4.09689),
    (10.03904, 3.75665, -13.67046),
    (14.4947, -1.47089),
    (25.1486, -41.1538, 51.9932, -26.6083),
    (25.96984, -16.93412),
    (29.38896, -21.40656),
    (30.78765, -23.25415),
    (25.41389, -17.69722),
    (8.78541, -0.74953),
    (6.5,),
    (5.8,),
)
_IASP91_VS = (
    (3.56454, 0, -3.45241),
    (0,),
    (8.16616, -1.58206),
    (12.9303, -21.259, 27.8988, -14.108),
    (20.7689, -16.53147),
    (17.70732, -13.50652),
    (15.24213, -11.08552),
    (5.7502, -1.2742),
    (6.706231, -2.248585),
    (3.75,),
    (3.36,),
)

# ak135: depth [km], vp and vs [km/s], density [g/cm3]. At 43 and 80 km only the density
# has a node.
_AK135 = (
    (0, 5.8, 3.46, 2.72),
    (20, 5.8, 3.46, 2.72),
    (20, 6.5, 3.85, 2.92),
    (35, 6.5, 3.85, 2.92),
    (35, 8.04, 4.48, 3.5996),
    (43, 8.04094, 4.48188, 3.5801),
    (77.5, 8.045, 4.49, 3.5073),
    (80, 8.04529, 4.49059, 3.502),
    (120, 8.05, 4.5, 3.4268),
    (165, 8.175, 4.509, 3.3711),
    (210, 8.3, 4.518, 3.3243),
    (210, 8.3, 4.523, 3.3243),
    (260, 8.4825, 4.609, 3.3663),
    (310, 8.665, 4.696, 3.411),
    (360, 8.8475, 4.783, 3.4577),
    (410, 9.03, 4.87, 3.5068),
    (410, 9.36, 5.08, 3.9317),
    (460, 9.528, 5.186, 3.9273),
    (510, 9.696, 5.292, 3.9233),
    (560, 9.864, 5.398, 3.9218),
    (610, 10.032, 5.504, 3.9206),
    (660, 10.2, 5.61, 3.9201),
    (660, 10.79, 5.96, 4.2387),
    (710, 10.9229, 6.0897, 4.2986),
    (760, 11.0558, 6.2095, 4.3565),
    (809.5, 11.1353, 6.2426, 4.4118),
    (859, 11.2221, 6.2798, 4.465),
    (908.5, 11.3068, 6.316, 4.5162),
    (958, 11.3896, 6.3512, 4.5654),
    (1007.5, 11.4705, 6.3854, 4.5926),
    (1057, 11.5495, 6.4187, 4.6198),
    (1106.5, 11.6269, 6.451, 4.6467),
    (1156, 11.7026, 6.4828, 4.6735),
    (1205.5, 11.7766, 6.5138, 4.7001),
    (1255, 11.8491, 6.5439, 4.7266),
    (1304.5, 11.92, 6.5727, 4.7528),
    (1354, 11.9895, 6.6008, 4.779),
    (1403.5, 12.0577, 6.6285, 4.805),
    (1453, 12.1245, 6.6555, 4.8307),
    (1502.5, 12.1912, 6.6815, 4.8562),
    (1552, 12.255, 6.7073, 4.8817),
    (1601.5, 12.3185, 6.7326, 4.9069),
    (1651, 12.3819, 6.7573, 4.9321),
    (1700.5, 12.4426, 6.7815, 4.957),
    (1750, 12.5031, 6.8052, 4.9817),
    (1799.5, 12.5631, 6.8286, 5.0062),
    (1849, 12.6221, 6.8515, 5.0306),
    (1898.5, 12.6804, 6.8742, 5.0548),
    (1948, 12.7382, 6.8972, 5.0789),
    (1997.5, 12.7956, 6.9194, 5.1027),
    (2047, 12.8526, 6.9418, 5.1264),
    (2096.5, 12.9096, 6.9627, 5.1499),
    (2146, 12.9668, 6.9855, 5.1732),
    (2195.5, 13.0222, 7.0063, 5.1963),
    (2245, 13.0783, 7.0281, 5.2192),
    (2294.5, 13.1336, 7.05, 5.242),
    (2344, 13.1894, 7.072, 5.2646),
    (2393.5, 13.2465, 7.0931, 5.287),
    (2443, 13.3018, 7.1144, 5.3092),
    (2492.5, 13.3585, 7.1369, 5.3313),
    (2542, 13.4156, 7.1586, 5.3531),
    (2591.5, 13.4741, 7.1807, 5.3748),
    (2640, 13.5312, 7.2031, 5.3962),
    (2690, 13.59, 7.2258, 5.4176),
    (2740, 13.6494, 7.249, 5.4387),
    (2740, 13.6494, 7.249, 5.6934),
    (2789.67, 13.653, 7.2597, 5.7196),
    (2839.33, 13.6566, 7.2704, 5.7458),
    (2891.5, 13.6602, 7.2811, 5.7721),
    (2891.5, 8, 0, 9.9145),
    (2939.33, 8.0382, 0, 9.9942),
    (2989.66, 8.1283, 0, 10.0722),
    (3039.99, 8.2213, 0, 10.1485),
    (3090.32, 8.3122, 0, 10.2233),
    (3140.66, 8.4001, 0, 10.2964),
    (3190.99, 8.4861, 0, 10.3679),
    (3241.32, 8.5692, 0, 10.4378),
    (3291.65, 8.6496, 0, 10.5062),
    (3341.98, 8.7283, 0, 10.5731),
    (3392.31, 8.8036, 0, 10.6385),
    (3442.64, 8.8761, 0, 10.7023),
    (3492.97, 8.9461, 0, 10.7647),
    (3543.3, 9.0138, 0, 10.8257),
    (3593.64, 9.0792, 0, 10.8852),
    (3643.97, 9.1426, 0, 10.9434),
    (3694.3, 9.2042, 0, 11.0001),
    (3744.63, 9.2634, 0, 11.0555),
    (3794.96, 9.3205, 0, 11.1095),
    (3845.29, 9.376, 0, 11.1623),
    (3895.62, 9.4297, 0, 11.2137),
    (3945.95, 9.4814, 0, 11.2639),
    (3996.28, 9.5306, 0, 11.3127),
    (4046.62, 9.5777, 0, 11.3604),
    (4096.95, 9.6232, 0, 11.4069),
    (4147.28, 9.6673, 0, 11.4521),
    (4197.61, 9.71, 0, 11.4962),
    (4247.94, 9.7513, 0, 11.5391),
    (4298.27, 9.7914, 0, 11.5809),
    (4348.6, 9.8304, 0, 11.6216),
    (4398.93, 9.8682, 0, 11.6612),
    (4449.26, 9.9051, 0, 11.6998),
    (4499.6, 9.941, 0, 11.7373),
    (4549.93, 9.9761, 0, 11.7737),
    (4600.26, 10.0103, 0, 11.8092),
    (4650.59, 10.0439, 0, 11.8437),
    (4700.92, 10.0768, 0, 11.8772),
    (4751.25, 10.1095, 0, 11.9098),
    (4801.58, 10.1415, 0, 11.9414),
    (4851.91, 10.1739, 0, 11.9722),
    (4902.24, 10.2049, 0, 12.0001),
    (4952.58, 10.2329, 0, 12.0311),
    (5002.91, 10.2565, 0, 12.0593),
    (5053.24, 10.2745, 0, 12.0867),
    (5103.57, 10.2854, 0, 12.1133),
    (5153.5, 10.289, 0, 12.1391),
    (5153.5, 11.0427, 3.5043, 12.7037),
    (5204.61, 11.0585, 3.5187, 12.7289),
    (5255.32, 11.0718, 3.5314, 12.753),
    (5306.04, 11.085, 3.5435, 12.776),
    (5356.75, 11.0983, 3.5551, 12.798),
    (5407.46, 11.1166, 3.5661, 12.8188),
    (5458.17, 11.1316, 3.5765, 12.8387),
    (5508.89, 11.1457, 3.5864, 12.8574),
    (5559.6, 11.159, 3.5957, 12.8751),
    (5610.31, 11.1715, 3.6044, 12.8917),
    (5661.02, 11.1832, 3.6126, 12.9072),
    (5711.74, 11.1941, 3.6202, 12.9217),
    (5762.45, 11.2041, 3.6272, 12.9351),
    (5813.16, 11.2134, 3.6337, 12.9474),
    (5863.87, 11.2219, 3.6396, 12.9586),
    (5914.59, 11.2295, 3.645, 12.9688),
    (5965.3, 11.2364, 3.6498, 12.9779),
    (6016.01, 11.2424, 3.654, 12.9859),
    (6066.72, 11.2477, 3.6577, 12.9929),
    (6117.44, 11.2521, 3.6608, 12.9988),
    (6168.15, 11.2557, 3.6633, 13.0036),
    (6218.86, 11.2586, 3.6653, 13.0074),
    (6269.57, 11.2606, 3.6667, 13.01),
    (6320.29, 11.2618, 3.6675, 13.0117),
    (6371, 11.2622, 3.6678, 13.0122),
)


def prem(period: float = 1.0, ocean: bool = False) -> EarthModel:
    """Return PREM, isotropic, with its ocean spread over the upper crust or in place.

    Without the ocean the top 15 km are one crust with the moduli of 2600 kg/m3,
    5.8 km/s and 3.2 km/s and a density of 2283.40 kg/m3, which keeps the mass of the
    Earth.

    PREM's moduli are those of a period of 1 s. At longer ones its attenuation makes it
    softer: a velocity at period T is ``1 - ln(T / 1 s) / (pi Q)`` times that at 1 s, so
    that the shear modulus changes by the square of this with Q_mu and the bulk modulus
    by that with Q_kappa. Q is taken to be independent of the period, which is more than
    seismology knows beyond an hour.

    Args:
      period: Period of the moduli [s], at least 1; the equations of motion do not see
        it.
      ocean: Whether 3 km of water cover 12 km of crust, as PREM is published; loads
        then lie on the ocean's floor at 6368 km. `EarthModel` says more.

    Returns:
      The model, radius 6371 km: 11 layers, 12 with the ocean; one more where the
      attenuation divides the uppermost mantle.

    Raises:
      ValueError: If the period is below 1 s.

    Example:
      >>> softer = prem(period=12.42 * 3600)

    Source:
      Dziewonski & Anderson (1981), tables I and IV, doi:10.1016/0031-9201(81)90046-7;
      Kanamori & Anderson (1977), Rev. Geophys. 15, 105, doi:10.1029/RG015i001p00105.
    """
    if not 1 <= period < np.inf:
        raise ValueError(
            f"period is {period}, expected at least 1 s, the period of PREM's moduli"
        )
    top = _WET if ocean else _DRY
    radius = 1e3 * np.array([*_BOUNDARY, *top[0]])
    tables = (common + layer for common, layer in zip((_DENSITY, _VP, _VS), top[1:]))
    density, vp, vs = (_localised(table, radius) for table in tables)
    model = from_velocities(radius, density, vp, vs, "PREM")
    model = dataclasses.replace(model, ocean=int(ocean))
    return model if period == 1 else _softened(model, period)


def iasp91() -> EarthModel:
    """Return iasp91, a continental Earth of body-wave velocities.

    The model has no density of its own. Here it has the one with which its authors
    tabulate it: 2720 and 2920 kg/m3 in the crust, polynomials close to PREM's below.
    With it mass and moment of inertia are the Earth's to 2e-4 and 7e-4.

    Returns:
      The model, 11 layers, radius 6371 km.

    Source:
      Kennett & Engdahl (1991), table 2, doi:10.1111/j.1365-246X.1991.tb06724.x; the
      density as in the travel-time tables distributed with it.
    """
    radius = 1e3 * np.array(_IASP91_BOUNDARY)
    tables = (_IASP91_DENSITY, _IASP91_VP, _IASP91_VS)
    density, vp, vs = (_localised(table, radius) for table in tables)
    return from_velocities(radius, density, vp, vs, "iasp91")


def ak135() -> EarthModel:
    """Return ak135, a continental Earth of body-wave velocities.

    The density below the Moho is that of AK135-F, which fits free oscillations; the
    crust above has the 2720 and 2920 kg/m3 of the continental ak135, in place of the
    3.3 km of water and mud and 14.7 km of crust of AK135-F. This takes away 7e-4 of
    AK135-F's mass and leaves the Earth's to 5e-4.

    Returns:
      The model, linear between its tabulated depths, radius 6371 km.

    Source:
      Kennett, Engdahl & Buland (1995), table 3, doi:10.1111/j.1365-246X.1995.tb03540.x;
      Montagner & Kennett (1996), doi:10.1111/j.1365-246X.1996.tb06548.x.
    """
    depth, vp, vs, density = 1e3 * np.array(_AK135).T
    return earth_model(EARTH_RADIUS - depth, vp, vs, density, name="ak135")


def _localised(
    table: Sequence[Sequence[float]], radius: NDArray[np.float64]
) -> list[Polynomial]:
    """Turn polynomials in r/a [1e3 SI units] into ones in the layer coordinate."""
    x = radius / EARTH_RADIUS
    ratios = [Polynomial([low, high - low]) for low, high in pairwise(x)]
    return [Polynomial(1e3 * np.array(row))(ratio) for row, ratio in zip(table, ratios)]


def _softened(model: EarthModel, period: float) -> EarthModel:
    """Move the moduli from a period of 1 s to a longer one."""
    model = refine(model, np.array([1e3 * _LID]))
    layer = np.searchsorted(_Q_TOP, model.radius[1:] / 1e3)
    loss = np.array(_INVERSE_Q)[layer] / np.pi
    shear, bulk = ((1 - np.log(period) * loss) ** 2).T
    return dataclasses.replace(
        model,
        bulk_modulus=model.bulk_modulus * bulk[:, None],
        shear_modulus=model.shear_modulus * shear[:, None],
    )
