"""Headings of tables: names of a summary as words with units."""

import re

__all__ = ["MEANINGS", "heading_of"]

#: Ends of names, and the units that they are of.
UNITS = {
    "_mm_per_kelvin": "mm/K",
    "_mm2_per_day": "mm\u00b2/day",
    "_mm": "mm",
    "_km": "km",
    "_km2": "km\u00b2",
    "_percent": "%",
    "_gib": "GiB",
    "_days": "days",
    "_months": "months",
}

#: What is written otherwise than in small letters.
WRITTEN = {
    "pcc": "PCC",
    "nse": "NSE",
    "rmse": "RMSE",
    "rms": "RMS",
    "r2": "R\u00b2",
    "dsi": "DSI",
    "sd": "s.d.",
    "twsa": "TWSA",
    "gwsa": "GWSA",
    "grace": "GRACE",
    "lon": "longitude",
    "lat": "latitude",
}

#: What single numbers of a summary are.
MEANINGS = {
    "beta": "Weight of the prior: larger is smoother.",
    "criterion_name": "By what the weight of the prior was chosen.",
    "criterion_unit": "Unit of that criterion.",
    "leave_one_out_rms_mm": "Error of heights predicted from the other stations.",
    "signal_rms_mm": "Vertical displacement that was inverted.",
    "misfit_rms_mm": "Heights less displacement by the estimated water.",
    "common_mode_mm": "Offset common to all stations of an epoch, in the noise; 0 is "
    "none.",
    "cells": "Cells on which water was estimated, the belt included.",
    "epochs_not_solved": "Epochs without a value.",
    "files_left_out": "Files of stations that could not be used.",
    "device": "On which the run computed.",
    "peak_memory_gib": "Memory of the run at its largest.",
    "region_pcc": "Correlation of the regional mean with the truth.",
    "region_nse": "Nash-Sutcliffe efficiency of the regional mean.",
    "region_rmse_mm": "Error of the regional mean.",
    "region_std_mm": "Standard deviation of the true regional mean.",
    "cell_pcc": "Correlation of all cells and epochs with the truth.",
    "cell_rmse_mm": "Error of cells.",
    "region_within_95": "Share of epochs whose truth lies in the 95% interval.",
    "noise_rms_mm": "Noise that was added to heights.",
    "bound_mm": "Water beyond this is implausible.",
    "cells_beyond": "Cells beyond that on some epoch.",
    "largest_mm": "Largest estimated water.",
    "largest_at": "Longitude and latitude of it.",
    "largest_on": "Date of it.",
    "amplitude_bound_mm": "An annual amplitude beyond this is implausible.",
    "amplitudes_beyond": "Cells beyond that.",
    "largest_amplitude_mm": "Largest annual amplitude.",
    "mean_pcc": "Mean correlation at stations that were left out.",
    "largest_pcc": "Largest of these.",
}

#: Names that are no texts of a user.
NAME = re.compile(r"[a-z][a-z0-9_.]*")


def heading_of(name: str) -> str:
    """Write a name of a summary as words, with its unit in brackets.

    Args:
      name: Such as ``rmse_mm``.

    Returns:
      Such as ``RMSE [mm]``; what is no such name stays as it is.
    """
    if not NAME.fullmatch(name):
        return name
    end = next((end for end in sorted(UNITS, key=len)[::-1] if name.endswith(end)), "")
    words = name.removesuffix(end).split("_")
    text = " ".join(WRITTEN.get(word, word) for word in words)
    return f"{text} [{UNITS[end]}]" if end else text
