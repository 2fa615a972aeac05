"""Steps at changing pace: nothing is gained, lost or counted twice."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from jobsim.workload.checkpoint import Checkpoint, Save
from jobsim.workload.training import Progress, Stretch, Workload, advance, interrupt, repace

NOMINAL = 1000
PACES = st.lists(st.tuples(st.integers(0, 9000), st.integers(NOMINAL, 5 * NOMINAL)), min_size=1, max_size=8)


@given(PACES)
def test_steps_follow_the_paces(paces: list[tuple[int, int]]) -> None:
    exact, progress, stretch = Fraction(0), Progress(), Stretch(step_ns=NOMINAL)
    total = 0
    for elapsed, step_ns in paces:
        exact += Fraction(elapsed, stretch.step_ns)
        total += elapsed
        progress, stretch = advance(progress, stretch, elapsed), repace(stretch, elapsed, step_ns)
        done = progress.steps + Fraction(stretch.begun_ns, step_ns)
        # A begun step is kept in whole nanoseconds: one is lost at each change at most.
        assert 0 <= exact - done <= Fraction(len(paces), NOMINAL)
        assert progress.ns == total


@given(PACES, st.integers(0, 9000))
def test_an_interruption_undoes_all_time_since_the_checkpoint(
    paces: list[tuple[int, int]], last: int
) -> None:
    workload = Workload(jobset="train", step_ns=NOMINAL, steps=0, levels=(Checkpoint(every_steps=10),))
    saved = (Save(written=20, usable=20, usable_ns=21_000),)
    start = Progress(steps=30, ns=45_000, saves=saved)
    progress, stretch = start, Stretch(step_ns=NOMINAL)
    for elapsed, step_ns in paces:
        progress, stretch = advance(progress, stretch, elapsed), repace(stretch, elapsed, step_ns)
    effect = interrupt(workload, progress, stretch, last)
    assert effect.undone_ns == 24_000 + sum(elapsed for elapsed, _ in paces) + last
    steps = 10 + sum(
        Fraction(e, s) for (e, _), s in zip(paces, [NOMINAL, *(s for _, s in paces)], strict=False)
    )
    steps += Fraction(last, stretch.step_ns)
    assert abs(effect.undone_ns - effect.beyond_ns - steps * NOMINAL) <= len(paces) + 1
    assert effect.progress == Progress(steps=20, ns=21_000, saves=saved)


def test_an_interruption_between_steps_costs_what_was_not_saved() -> None:
    workload = Workload(jobset="train", step_ns=NOMINAL, steps=0)
    effect = interrupt(workload, Progress(steps=7, ns=9000))
    assert (effect.undone_ns, effect.beyond_ns, effect.progress) == (9000, 2000, Progress())
