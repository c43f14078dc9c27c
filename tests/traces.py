"""How often functions are traced."""

import collections
import contextlib

import jax


@contextlib.contextmanager
def count_traces():
    """How often functions are traced, by their names."""
    counts = collections.Counter()

    def listen(event: str, duration_secs: float, **about: str | int) -> None:
        del duration_secs
        if event == "/jax/core/compile/jaxpr_trace_duration":
            counts[about.get("fun_name", "")] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield counts
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
