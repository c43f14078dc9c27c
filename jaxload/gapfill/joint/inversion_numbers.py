"""Hyperparameters of the inversion through which networks are trained."""

import dataclasses

import jax
from jax import Array

__all__ = ["Hyperparameters", "InitialHyperparameters"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Logarithms of the hyperparameters of the inversion, each of shape ().

    Attributes:
      log_beta: Of the weight of the prior.
      log_noise_factor: Of the factor on the standard errors of the stations [-].
      log_common_mode_sd: Of the standard deviation of their common mode [mm].
    """

    log_beta: Array
    log_noise_factor: Array
    log_common_mode_sd: Array


@dataclasses.dataclass(frozen=True)
class InitialHyperparameters:
    """Hyperparameters of the inversion with which a training begins, all positive.

    Attributes:
      beta: Weight of the prior.
      noise_factor: Factor on the standard errors of the stations [-].
      common_mode_sd: Standard deviation of their common mode [mm].
    """

    beta: float
    noise_factor: float
    common_mode_sd: float
