"""Shares of the work of a stage that its parts take, by their operations."""

from jaxload.inversion.spectral.whittle import BANDS, ROWS, WINDOWS

__all__ = ["OF_GROWTH", "share_of_spectra"]

#: Usual steps of the searches of spectra and of variances of maps of functions of time,
#: and number of these.
STEPS, FUNCTIONS = {"spectra": 40, "maps": 15}, 6

#: Share of standard errors of regions that goes into their growth towards the ends of
#: a record.
OF_GROWTH = 0.2


def share_of_spectra(rows: int) -> float:
    """Find the share of a network's model that goes into its spectra.

    The other part are variances of maps of offset, trend and seasons.

    Args:
      rows: Number of stations.

    Returns:
      The share, 0 to 1.
    """
    spectra = STEPS["spectra"] * WINDOWS * BANDS * min(rows, ROWS) ** 3
    maps = STEPS["maps"] * FUNCTIONS * rows**3
    return spectra / (spectra + maps)
