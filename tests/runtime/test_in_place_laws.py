"""What holds in every run with restarts in place, whatever fails, however slow the server is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.results.ledger import ACCOUNTS
from jobsim.results.log_fold import events
from tests.runtime.in_place import KEY, in_place_jobset, run
from tests.runtime.lab import Lab

FAILURES = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.integers(5, 900).map(lambda s: f"{s}s"),
            "pod": st.sampled_from(["train-w-0-0", "train-w-0-1", "train-w-1-0", "train-w-1-1"]),
            "exitCode": st.integers(1, 255),
            "inPlace": st.sampled_from([0, 0.5, 1]),
        }
    ),
    max_size=6,
)
SLOW = {"latency": {"uniform": ["1ms", "2s"]}, "job": {"qps": 0}, "scheduler": {"qps": 0}}


def lives(lab: Lab) -> tuple[list[tuple[Pod, set[int]]], list[JobSet]]:
    """Return each pod as it was whenever its worker began, with the JobSet's attempts until then."""
    began, jobsets, currents = [], [], set()
    for event, _ in events(lab.recorder.log.rows()):
        if event is None:
            continue
        if isinstance(event.obj, JobSet):
            jobsets.append(event.obj)
            current = event.obj.status.current_in_place_restart_attempt
            if current is not None:
                currents.add(current)
        elif isinstance(event.obj, Pod) and event.old is not None and _works(event.obj):
            assert isinstance(event.old, Pod)
            if not _works(event.old):
                began.append((event.obj, set(currents)))
    return began, jobsets


def _works(pod: Pod) -> bool:
    return any(status.state.running is not None for status in pod.status.container_statuses)


@settings(max_examples=12, deadline=None)
@given(
    failures=FAILURES,
    stop=st.sampled_from(["0s", "1.5s", {"uniform": ["0s", "5s"]}]),
    start=st.sampled_from(["1s", {"exponential": {"mean": "3s"}}]),
    slow=st.booleans(),
    limit=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_laws(
    failures: list[dict[str, Any]], stop: Any, start: Any, slow: bool, limit: int, seed: int
) -> None:
    more = {"control": {"api": SLOW, "watchLag": {"uniform": ["0s", "1s"]}}} if slow else {}
    pods = [{"match": {"jobset": "train"}, "run": "10m", "stop": stop, "start": start}]
    lab = run(
        in_place_jobset(max_restarts=limit), failures=failures, pods=pods, seed=seed, until="3h", **more
    )
    began, jobsets = lives(lab)
    # C-AGT-06: no worker begins before its attempt has been the JobSet's.
    assert all(int(pod.metadata.annotations[KEY]) in currents for pod, currents in began)
    # C-IPR-10, C-IPR-11: outdated attempts only grow, and no restart is counted.
    outdated = [js.status.previous_in_place_restart_attempt for js in jobsets]
    known = [attempt for attempt in outdated if attempt is not None]
    assert known == sorted(known)
    assert {js.status.restarts for js in jobsets} == {0}
    # C-IPR-04, C-IPR-06: no pod gets further than the limit and one.
    assert all(int(pod.metadata.annotations[KEY]) <= limit for pod, _ in began)
    # Pods are made anew only in place of failed ones.
    counts = lab.recorder.counts.summary()
    assert counts["created"] <= 4 + counts["failed"]
    for record in lab.recorder.jobsets.values():
        record.settle(lab.stop.at)
        total = record.ledger.total(lab.stop.at)
        assert sum(total[account] for account in ACCOUNTS) == record.ledger.elapsed(lab.stop.at)
        spans = [(r.begin, r.boundaries(lab.stop.at)[-1]) for r in record.clock.records]
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
