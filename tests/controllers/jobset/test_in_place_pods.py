"""What in-place restart asks of pods: counted one by one, or kept up to date change by change."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, JOBSET_NAME
from jobsim.api.pod import ContainerStatus, Phase, Pod, PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.controllers.jobset.in_place_pods import PodSummary, PodTally, memory_of, note, summarise
from jobsim.testing import make_job, make_pod

TEXTS = st.sampled_from([None, "0", "1", "2", "+7", "07", "4294967295", "99999999999", "-1", "x", ""])


def pod(number: int, text: str | None, restarts: tuple[int, int], phase: Phase) -> Pod:
    annotations = {} if text is None else {IN_PLACE_RESTART_ATTEMPT: text}
    made = make_pod(f"train-w-0-{number}", annotations=annotations, labels={JOBSET_NAME: "train"})
    init, apps = ((ContainerStatus(name="c", restart_count=count),) for count in restarts)
    status = PodStatus(phase=phase, init_container_statuses=init, container_statuses=apps)
    return replace(made, metadata=replace(made.metadata, uid=f"u{number}"), status=status)


PODS = st.builds(
    pod,
    st.integers(0, 4),
    TEXTS,
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(["Running", "Failed", "Succeeded", "Pending"]),
)


@given(st.lists(st.tuples(st.booleans(), PODS), max_size=40))
def test_a_tally_is_what_a_look_at_all_pods_finds(changes: list[tuple[bool, Pod]]) -> None:
    """C-IPR-02, C-IPR-03, C-IPR-05."""
    there: dict[str, Pod] = {}
    memory: PodTally | None = None
    for goes, each in changes:
        if goes:
            there.pop(each.uid, None)
        else:
            there[each.uid] = each
        type_: Literal["MODIFIED", "DELETED"] = "DELETED" if goes else "MODIFIED"
        event = WatchEvent(type=type_, obj=each, old=each, revision=1, time=0)
        memory = note(event, memory)
        assert (memory is None) == (not there)
        if memory is not None:
            assert memory.summary() == summarise(there.values())


def test_a_summary() -> None:
    pods = [
        pod(0, "1", (3, 0), "Running"),
        pod(1, "4", (0, 1), "Succeeded"),
        pod(2, "9", (0, 5), "Failed"),
        pod(3, None, (0, 0), "Pending"),
    ]
    assert summarise(pods) == PodSummary(restarts_max=5, count=2, lowest=1, highest=4)
    assert summarise([*pods, pod(4, "x", (0, 0), "Running")]).bad
    assert summarise([pod(0, "4294967295", (0, 0), "Running")]) == PodSummary(count=1, lowest=-1, highest=-1)
    assert summarise([]) == PodSummary()


def test_whose_pods() -> None:
    """C-IPR-02: by the label alone."""
    event = WatchEvent(type="ADDED", obj=pod(0, None, (0, 0), ""), old=None, revision=1, time=0)
    assert memory_of(event) == ("default", "train")
    bare = replace(event.obj, metadata=replace(event.obj.metadata, labels={}))
    assert memory_of(replace(event, obj=bare)) is None
    assert memory_of(replace(event, obj=make_job("train-w-0"))) is None
