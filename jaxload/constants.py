"""Physical constants, each with its unit and source."""

__all__ = [
    "DEGREE",
    "EARTH_RADIUS",
    "GRAVITATIONAL_CONSTANT",
    "SEAWATER_DENSITY",
    "STANDARD_GRAVITY",
    "WATER_DENSITY",
]

#: One degree of arc [rad].
DEGREE = 0.017453292519943295

#: Mean radius of the Earth [m]; Dziewonski & Anderson (1981), table I,
#: doi:10.1016/0031-9201(81)90046-7.
EARTH_RADIUS = 6_371_000.0

#: Newtonian constant of gravitation [m3 kg-1 s-2]; CODATA 2018, Tiesinga et al.
#: (2021), table XXXI, doi:10.1103/RevModPhys.93.025010.
GRAVITATIONAL_CONSTANT = 6.67430e-11

#: Density of fresh water, by which loads become equivalent water height [kg m-3];
#: Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
WATER_DENSITY = 1000.0

#: Density of sea water at the surface, by which sea level becomes mass [kg m-3]: the
#: customary figure; at salinity 35 and 15 degrees C it is 1026, Fofonoff & Millard
#: (1983), UNESCO Technical Papers in Marine Science 44.
SEAWATER_DENSITY = 1025.0

#: Standard gravity, by which surface pressure becomes mass [m s-2]; 3rd General
#: Conference on Weights and Measures (1901).
STANDARD_GRAVITY = 9.80665
