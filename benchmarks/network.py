"""What a price costs: one collective asked again, at a new size, of a new group; many at once; one step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import process_time
from typing import Any

import numpy as np

from benchmarks.baseline import bare_timeout_us
from jobsim.hardware.collectives import collective_time
from jobsim.hardware.collectives_sweep import collective_times
from jobsim.hardware.step_model import StepModel, training_step

ROUNDS, ELEMENTS, BEST_OF = 2_000, 200_000, 5


def prices() -> list[dict[str, Any]]:
    """Return the cost of each kind of question, µs of CPU time."""
    bare_us = bare_timeout_us()
    model = StepModel(
        parameters=70e9, layers=80, hidden=8192, sequence=4096, batch=512, data=64, tensor=8, peak_tflops=989
    )
    sizes, groups = count(), count(1)
    many = np.geomspace(1, 2**34, ELEMENTS)
    shares = np.linspace(0.1, 1, ELEMENTS)
    asked: list[tuple[str, int, Callable[[], object]]] = [
        (
            "an all-reduce, asked again",
            1,
            lambda: collective_time("all-reduce", 2**30, ranks=64, fabric="ib_h100"),
        ),
        (
            "an all-reduce of a new size",
            1,
            lambda: collective_time("all-reduce", 2**30 + next(sizes), ranks=64, fabric="ib_h100"),
        ),
        (
            "an all-reduce of a new group",
            1,
            lambda: collective_time("all-reduce", 2**30, ranks=8 * next(groups), fabric="ib_h100"),
        ),
        (
            "an array of all-reduces, each",
            ELEMENTS,
            lambda: collective_times("all-reduce", many, ranks=(8, 8), fabric="ib_h100", share=shares),
        ),
        ("a training step", 1, lambda: training_step(model, fabric="ib_h100")),
    ]
    return [_row(f"price of {name}", each, ask, bare_us) for name, each, ask in asked]


def _row(what: str, elements: int, ask: Callable[[], object], bare_us: float) -> dict[str, Any]:
    """Return the best of several rounds."""
    rounds = max(1, ROUNDS // elements)
    us = min(_seconds(ask, rounds) for _ in range(BEST_OF)) / rounds / elements * 1e6
    return {"what": what, "us": round(us, 3), "ratio": round(us / bare_us, 3)}


def _seconds(ask: Callable[[], object], rounds: int) -> float:
    began = process_time()
    for _ in range(rounds):
        ask()
    return process_time() - began
