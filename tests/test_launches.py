"""Launches of a GPU are counted from compiled programs, and stay within budgets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _h200, gpu_launches
from benchmarks._hlo_launches import count_launches
from benchmarks._launch_programs import PROGRAMS

TEXT = """HloModule jit_f, is_scheduled=true

%inner_body (s: (s32[], f64[8])) -> (s32[], f64[8]) {
  %s = (s32[], f64[8]{0}) parameter(0)
  %i = s32[] get-tuple-element(%s), index=0
  %x = f64[8]{0} get-tuple-element(%s), index=1
  %f = f64[8]{0} fusion(%x), kind=kLoop, calls=%fused
  %g = f64[8]{0} fusion(%f), kind=kLoop, calls=%fused
  ROOT %t = (s32[], f64[8]{0}) tuple(%i, %g)
}

%inner_cond (s: (s32[], f64[8])) -> pred[] {
  %s = (s32[], f64[8]{0}) parameter(0)
  ROOT %c = pred[] fusion(%s), kind=kLoop, calls=%less
}

%outer_body (s: (s32[], f64[8])) -> (s32[], f64[8]) {
  %s = (s32[], f64[8]{0}) parameter(0)
  %w = (s32[], f64[8]{0}) while(%s), condition=%inner_cond, body=%inner_body, \
backend_config={"known_trip_count":{"n":"24"}}
  ROOT %k = (s32[], f64[8]{0}) fusion(%w), kind=kLoop, calls=%fused
}

%longer (x: f64[8]) -> f64[8] {
  %x = f64[8]{0} parameter(0)
  %a = f64[8]{0} fusion(%x), kind=kLoop, calls=%fused
  ROOT %b = f64[8]{0} fusion(%a), kind=kLoop, calls=%fused
}

%shorter (x: f64[8]) -> f64[8] {
  ROOT %x = f64[8]{0} parameter(0)
}

ENTRY %main (x: f64[8]) -> f64[8] {
  %x = f64[8]{0} parameter(0)
  %z = s32[] constant(0)
  %t = (s32[], f64[8]{0}) tuple(%z, %x)
  %w = (s32[], f64[8]{0}) while(%t), condition=%inner_cond, body=%outer_body, \
metadata={op_name="jit(f)/while"}, backend_config={"known_trip_count":{"n":"10"}}
  %v = (s32[], f64[8]{0}) while(%w), condition=%inner_cond, body=%inner_body, \
metadata={op_name="jit(f)/until"}
  %y = f64[8]{0} get-tuple-element(%v), index=1
  %d = f64[8]{0} conditional(%z, %y, %y), branch_computations={%longer, %shorter}
  %p = (f64[8]{0}, s32[]) custom-call(%d), custom_call_target="cusolver_potrf_ffi"
  %q = f64[8]{0} get-tuple-element(%p), index=0
  ROOT %r = f64[8]{0} call(%q), to_apply=%longer
}
"""


def test_launches_of_loops_count_as_often_as_the_loops_turn():
    found = count_launches(TEXT)
    # Nested loops, one of unknown turns with its condition, the longer of two branches,
    # a library, and a computation that is called.
    assert found.total == 10 * (24 * 2 + 1) + (2 + 1) + 2 + 1 + 2
    assert found.calls == {"cusolver_potrf_ffi": 1}
    assert [(loop.turns, loop.launches) for loop in found.loops] == [
        (10, 49),
        (240, 2),
        (1, 3),
    ]


def test_turns_that_the_compiler_does_not_know_are_those_assumed():
    assert count_launches(TEXT, {"until": 7}).total == count_launches(TEXT).total + 18
    assert [loop.known for loop in count_launches(TEXT).loops] == [True, True, False]


def test_a_text_that_is_no_program_is_refused():
    with pytest.raises(ValueError, match="no ENTRY computation"):
        count_launches("HloModule empty")


def test_a_compiled_loop_turns_as_often_as_it_was_written():
    turn = lambda _, x: jnp.sin(x @ x)
    function = jax.jit(lambda x: jax.lax.fori_loop(0, 13, turn, x))
    text = function.lower(jnp.eye(30)).compile().as_text()
    (loop,) = count_launches(text).loops
    assert (loop.turns, loop.known) == (13, True)
    assert loop.launches >= 2


def test_operations_of_products_and_loops_are_counted():
    turn = lambda _, x: x @ x + 1.0
    function = jax.jit(lambda x: jax.lax.fori_loop(0, 5, turn, x))
    found = _h200.counted_flops(function.trace(jnp.zeros((4, 4), jnp.float32)).jaxpr)
    assert found["dot float32"] == 5 * 2 * 4**3
    assert found["elementwise float32"] == 5 * 4**2


def test_operations_are_those_of_the_way_that_an_accelerator_takes():
    function = lambda x: jax.lax.platform_dependent(
        x, cpu=lambda x: x @ x @ x, default=lambda x: x @ x
    )
    found = _h200.counted_flops(jax.jit(function).trace(np.zeros((4, 4))).jaxpr)
    assert found["dot float64"] == 2 * 4**3


def test_every_stored_row_is_of_a_program():
    rows = gpu_launches.stored_rows()
    assert rows
    for row in rows:
        program = PROGRAMS[f"{row['what']}, {row['size']}"]
        assert row["budget"] == program.budget
        assert row["launches"] > 0


@pytest.fixture(scope="module")
def wheels():
    """The folder of XLA's CUDA plugin."""
    folder = _h200.cuda_folder()
    if folder is None:
        pytest.skip("XLA's CUDA plugin is not here (make launches, or JAXLOAD_CUDA)")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_launches_no_more_than_its_budget(name, wheels):
    stored = {
        f"{row['what']}, {row['size']}": row for row in gpu_launches.stored_rows()
    }
    if name not in stored:
        pytest.skip(f"no launches of '{name}' are stored")
    # What does not reach its budget yet does not get worse.
    most = max(PROGRAMS[name].budget, stored[name]["launches"])
    row = gpu_launches.counted(name, wheels)
    assert row["launches"] <= most
    assert row["temp_gib"] < gpu_launches.MOST_TEMP_GIB
