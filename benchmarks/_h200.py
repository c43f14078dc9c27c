"""Compile programs for an NVIDIA H200 that is not there.

XLA's CUDA plugin compiles for a description of a device. Its wheels lie in a folder of
their own, so that the environment of the CPU stays as it is: `make launches` puts them
there.
"""

import collections
import dataclasses
import functools
import math
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies

from benchmarks._hlo_launches import Launches, count_launches
from jaxload._platform import form

__all__ = ["Compiled", "counted_flops", "cuda_environment", "cuda_folder", "for_h200"]

GIB = 2**30

DESCRIPTION = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 151397597184
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 patch: 0 }
runtime_version { major: 12 minor: 8 patch: 0 }
device_description_str: "NVIDIA H200"
"""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What is known of a program compiled for the device.

    Attributes:
      launches: Of one call.
      flops: Floating-point operations by kind and type, as "dot float64".
      temp_gib: Memory beside arguments and results [GiB].
      argument_gib: Memory of the arguments [GiB].
      result_gib: Memory of the results [GiB].
      compile_s: Time of tracing and compiling here [s].
    """

    launches: Launches
    flops: collections.Counter[str]
    temp_gib: float
    argument_gib: float
    result_gib: float
    compile_s: float


def cuda_folder() -> pathlib.Path | None:
    """Find the folder of the wheels: JAXLOAD_CUDA, or .cuda beside the package."""
    beside = pathlib.Path(__file__).parents[1] / ".cuda"
    folder = pathlib.Path(os.environ.get("JAXLOAD_CUDA", beside)).absolute()
    return folder if (folder / "jax_plugins").is_dir() else None


def cuda_environment(folder: pathlib.Path) -> dict[str, str]:
    """The environment of a process that compiles for the device.

    Args:
      folder: From `cuda_folder`.

    Returns:
      All of its variables.
    """
    flags = (
        os.environ.get("XLA_FLAGS", ""),
        "--xla_gpu_autotune_level=0",
        f"--xla_gpu_cuda_data_dir={folder / 'nvidia' / 'cuda_nvcc'}",
    )
    paths = (str(folder), os.environ.get("PYTHONPATH", ""))
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_COMPILATION_CACHE": "0",
        "JAXLOAD_CUDA": str(folder),
        "XLA_FLAGS": " ".join(flags).strip(),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


@functools.cache
def _sharding() -> jax.sharding.Sharding:
    described = topologies.get_topology_desc(
        platform="cuda", target_config=DESCRIPTION, topology="1x1x1"
    )
    return jax.sharding.SingleDeviceSharding(described.devices[0])


def for_h200(
    function: Callable, *args: Any, trips: Mapping[str, int] | None = None
) -> Compiled:
    """Compile a function for the device, in a process of `cuda_environment`.

    Args:
      function: What is compiled.
      *args: Pytrees of arrays or of their shapes.
      trips: Turns of loops that the compiler does not know; see `count_launches`.

    Returns:
      The `Compiled`.
    """
    start = time.perf_counter()
    with form("accelerator"):
        traced = jax.jit(function).trace(*jax.tree.map(_described, args))
        compiled = traced.lower().compile()
    text, memory = compiled.as_text(), compiled.memory_analysis()
    assert text is not None
    assert memory is not None
    return Compiled(
        count_launches(text, trips),
        counted_flops(traced.jaxpr),
        memory.temp_size_in_bytes / GIB,
        memory.argument_size_in_bytes / GIB,
        memory.output_size_in_bytes / GIB,
        time.perf_counter() - start,
    )


def _described(values: Any) -> jax.ShapeDtypeStruct:
    values = values if hasattr(values, "dtype") else np.asarray(values)
    return jax.ShapeDtypeStruct(values.shape, values.dtype, sharding=_sharding())


#: Operations on each element that count as one.
ELEMENTWISE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "tanh",
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "max",
        "min",
        "select_n",
        "add_any",
        "neg",
        "integer_pow",
        "logistic",
    ]
)


def counted_flops(jaxpr: Any) -> collections.Counter[str]:
    """Count floating-point operations of a traced program.

    Args:
      jaxpr: From `trace`. A loop of an unknown number of turns counts once; of ways for
        several platforms that of the accelerator counts.

    Returns:
      Operations by kind and type.
    """
    counts: collections.Counter[str] = collections.Counter()
    _add_flops(jaxpr, 1, counts)
    return counts


def _add_flops(jaxpr: Any, times: int, counts: collections.Counter[str]) -> None:
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        flops = _own_flops(equation)
        if flops is not None:
            kind, count = flops
            counts[kind] += times * count
            continue
        turns = equation.params.get("length", 1)
        for inner in _inner(equation):
            _add_flops(inner, times * turns, counts)


def _own_flops(equation: Any) -> tuple[str, int] | None:
    name, result = equation.primitive.name, equation.outvars and equation.outvars[0]
    shape = getattr(getattr(result, "aval", None), "shape", None)
    if shape is None:
        return None
    dtype, size = result.aval.dtype, math.prod(shape)
    if name == "dot_general":
        contracted = equation.params["dimension_numbers"][0][0]
        first = equation.invars[0].aval.shape
        return f"dot {dtype}", 2 * size * math.prod(first[axis] for axis in contracted)
    if name == "cholesky":
        return f"dot {dtype}", size * shape[-1] // 3
    if name == "triangular_solve":
        return f"dot {dtype}", size * equation.invars[0].aval.shape[-1]
    return (f"elementwise {dtype}", size) if name in ELEMENTWISE else None


def _inner(equation: Any) -> list[Any]:
    """The programs inside an instruction that run."""
    if equation.primitive.name == "cond":
        branches = equation.params["branches"]
        if equation.params.get("branches_platforms") is not None:
            return [branches[-1]]
        return [max(branches, key=lambda branch: len(branch.jaxpr.eqns))]
    if equation.primitive.name == "custom_linear_solve":
        return [equation.params["jaxprs"].solve]
    if equation.primitive.name == "while":
        return [equation.params["body_jaxpr"]]
    leaves = jax.tree.leaves(
        list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
    )
    return [x for x in leaves if hasattr(x, "eqns") or hasattr(x, "jaxpr")]
