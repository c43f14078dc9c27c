"""What the processes of a run agree on: whether to compute, and when all is written."""

import jax
import numpy as np
from jax.experimental import multihost_utils

__all__ = ["agree_to_compute", "wait_for_all"]


def agree_to_compute(computes: bool = False) -> bool:
    """Learn from the first process whether a study is computed, or taken up.

    Args:
      computes: Whether it is; that of the first process counts.

    Returns:
      Whether it is.
    """
    if jax.process_count() == 1:
        return computes
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(computes)))


def wait_for_all() -> None:
    """Wait until all processes come here; at once where there is one."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("jaxload")
