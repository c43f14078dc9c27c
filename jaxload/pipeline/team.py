"""What the processes of a run agree on: whether to compute."""

import numpy as np

from jaxload._exchange import from_first

__all__ = ["agree_to_compute"]


def agree_to_compute(computes: bool = False) -> bool:
    """Learn from the first process whether a study is computed, or taken up.

    Args:
      computes: Whether it is; that of the first process counts.

    Returns:
      Whether it is.
    """
    return bool(from_first(np.asarray(computes)))
