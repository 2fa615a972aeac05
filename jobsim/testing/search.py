"""A search with Hypothesis as the one who draws: how many, from which seed, and what was found first.

It does not shrink: what is found is plain data, from which ``shrink`` leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from hypothesis.strategies import SearchStrategy

from jobsim.testing import machine
from jobsim.testing.machine_course import BrokenError

T = TypeVar("T")
Progress = Callable[[int, int], None]
#: Steps of a history.
STEPS = 50


class _Hit(Exception):
    """Ends the search."""


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def search(
    strategy: SearchStrategy[T], is_wrong: Callable[[T], bool], examples: int, start: int, progress: Progress
) -> T | None:
    """Return the first drawn thing that is wrong, or None.

    Parameters
    ----------
    strategy : SearchStrategy
    is_wrong : callable
    examples : int
        How many to draw.
    start : int
        The seed; the same one draws the same things.
    progress : callable
        ``(done, of)``.
    """
    hits: list[T] = []
    done = 0

    @seed(start)
    @_settings(examples)
    @given(strategy)
    def look(thing: T) -> None:
        nonlocal done
        if hits:
            # Hypothesis looks twice at what has failed.
            raise _Hit
        done += 1
        progress(done, examples)
        if is_wrong(thing):
            hits.append(thing)
            raise _Hit

    with suppress(_Hit):
        look()
    return hits[0] if hits else None


def search_machine(examples: int, start: int, progress: Progress) -> dict[str, Any] | None:
    """Return the first drawn history that breaks a law, or None: half in calm, half in storm."""
    half = max(1, examples // 2)
    for number, kind in enumerate((machine.Storm, machine.Calm)):
        counted = seed(start)(_counted(kind, number * half, 2 * half, progress))
        try:
            run_state_machine_as_test(counted, settings=_settings(half, stateful_step_count=STEPS))
        except BrokenError as err:
            return dict(err.history or {})
    return None


def _counted(kind: Any, before: int, of: int, progress: Progress) -> Any:
    """Return a machine that says when an example begins."""
    done = before

    class Counted(kind):  # type: ignore[misc]
        """The same machine."""

        def __init__(self) -> None:
            nonlocal done
            super().__init__()
            done = min(done + 1, of)
            progress(done, of)

    return Counted
