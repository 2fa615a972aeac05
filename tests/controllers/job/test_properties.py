"""Whatever happens to its pods, a Job's numbers add up.

Hypothesis draws a Job, the lives of its pods, what users do and which requests fail.  Every status
write passes the API server's own rules (K-JOB-06), so a refusal by them is a finding too.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsim.api.batch import Job
from jobsim.api.pod import Pod
from jobsim.controllers.job import conditions, indexes
from jobsim.testing.conformance_job import Episode
from tests.controllers.job import episodes
from tests.controllers.job.episodes import TRACKING, ended, running

END = 2_000
TIMES = st.floats(0, 90).map(lambda t: round(t, 2))


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a Job that an API server would take."""
    spec: dict[str, Any] = {
        "parallelism": draw(st.integers(0, 4)),
        "backoffLimit": draw(st.integers(0, 3)),
        "restartPolicy": draw(st.sampled_from(("Never", "OnFailure"))),
        "podReplacementPolicy": draw(st.sampled_from(("Failed", "TerminatingOrFailed"))),
    }
    if draw(st.booleans()):
        spec |= {"completionMode": "Indexed", "completions": draw(st.integers(1, 5))}
        if draw(st.booleans()):
            spec |= {"backoffLimitPerIndex": draw(st.integers(0, 1)), "backoffLimit": 2147483647}
        if draw(st.booleans()):
            spec["successPolicy"] = {"rules": [{"succeededCount": draw(st.integers(1, 3))}]}
    else:
        spec["completions"] = draw(st.sampled_from((None, 1, 3)))
    if draw(st.booleans()):
        spec["activeDeadlineSeconds"] = draw(st.integers(1, 60))
    return episodes.job(**{key: value for key, value in spec.items() if value is not None})


@st.composite
def lives(draw: st.DrawFn, pod: int) -> list[dict[str, Any]]:
    """Draw what becomes of a pod, if it is there: it runs, may be deleted, ends."""
    begin = draw(TIMES)
    steps = [running(begin, pod, ready=draw(st.booleans()), restarts=draw(st.integers(0, 1)))]
    end = round(begin + draw(st.floats(0.01, 20)), 2)
    if draw(st.booleans()):
        steps.append({"at": round(end - 0.01, 2), "podDelete": pod})
    steps.append(ended(end, pod, draw(st.sampled_from((0, 1)))))
    steps.append(
        {"at": round(end + draw(st.floats(0, 5)), 2), "podGone": pod} if len(steps) == 3 else steps[-1]
    )
    return steps


PATCHES = st.sampled_from(
    (
        {"spec": {"suspend": True}},
        {"spec": {"suspend": False}},
        {"spec": {"parallelism": 1}},
        {"spec": {"parallelism": 3}},
    )
)
USERS = st.builds(lambda at, patch: {"at": at, "job": patch}, TIMES, PATCHES)
FAULTS = st.builds(
    lambda do, nth, error: {"do": do, "nth": [nth], "error": error},
    st.sampled_from(("create-pod", "job-status", "patch-pod", "delete-pod")),
    st.integers(1, 6),
    st.sampled_from(("InternalError", "Conflict", "NotFound")),
)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    script = [step for pod in range(8) for step in draw(lives(pod))]
    script += draw(st.lists(USERS, max_size=3))
    return {
        "job": draw(jobs()),
        "script": sorted(script, key=lambda step: float(step["at"])),
        "faults": draw(st.lists(FAULTS, max_size=2)),
        "watchLagSeconds": draw(st.sampled_from((0, 0, 0.25))),
        "until": END,
    }


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(cases())
def test_a_jobs_numbers_add_up(case: dict[str, Any]) -> None:
    """K-JOB-06, K-JOB-30, K-JOB-42, K-JOB-100, K-JOB-111."""
    episode = Episode(case)
    timeline = episode.run()
    check_statuses(case, [e for e in timeline if e["do"] == "job-status"])
    check_creations(case, timeline)
    job = episode.world.store.get(Job, "ns", "j")
    assert job is not None
    if conditions.finished(job):
        pods = episode.world.store.list(Pod, "ns")
        assert [pod.name for pod in pods if TRACKING in pod.metadata.finalizers] == []
        assert not any(pod.status.phase in ("Pending", "Running") and not pod.terminating for pod in pods)


def check_statuses(case: dict[str, Any], writes: list[dict[str, Any]]) -> None:
    """Each status that was written is sound, and follows soundly from the one before."""
    assert [e for e in writes if e.get("error") == "Invalid"] == []
    failed = finals = 0
    for entry in writes:
        if "error" in entry:
            continue
        status = entry["status"]
        assert finals == 0, "nothing is written after the end"
        assert 0 <= status.get("ready", 0) <= status.get("active", 0)
        assert status.get("failed", 0) >= failed
        failed = status.get("failed", 0)
        check_indexes(case, status)
        finals += sum(c["type"] in ("Complete", "Failed") for c in status.get("conditions", ()))


def check_indexes(case: dict[str, Any], status: dict[str, Any]) -> None:
    """Index texts are canonical, and no index has two ends."""
    completions = case["job"]["spec"].get("completions", 0)
    done, lost = status.get("completedIndexes", ""), status.get("failedIndexes", "")
    sets = [indexes.parse(text, completions) for text in (done, lost)]
    assert [indexes.as_text(found) for found in sets] == [done, lost]
    assert indexes.overlap(*sets) == 0
    if case["job"]["spec"]["completionMode"] == "Indexed":
        assert status.get("succeeded", 0) == indexes.total(sets[0])


def check_creations(case: dict[str, Any], timeline: list[dict[str, Any]]) -> None:
    """No pod is made for an index that has its end."""
    completions = case["job"]["spec"].get("completions", 0)
    decided: indexes.Intervals = ()
    for entry in timeline:
        if entry["do"] == "job-status" and "error" not in entry:
            status = entry["status"]
            for text in (status.get("completedIndexes", ""), status.get("failedIndexes", "")):
                decided = indexes.union(decided, indexes.parse(text, completions))
        if entry["do"] == "create-pod" and "index" in entry:
            assert not indexes.contains(decided, entry["index"])


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
@given(cases())
def test_never_more_pods_than_asked_for(case: dict[str, Any]) -> None:
    """K-JOB-30, K-JOB-32: with a cache that is up to date, at any instant."""
    case = {**case, "watchLagSeconds": 0}
    case["script"] = [step for step in case["script"] if "job" not in step]
    episode = Episode(case)
    world = episode.world
    most = case["job"]["spec"]["parallelism"]
    seen: list[int] = []
    indexes_twice: list[int] = []

    def look(event: object) -> None:
        active = [p for p in world.store.list(Pod, "ns") if not p.terminal and not p.terminating]
        seen.append(len(active))
        held = [p.metadata.annotations.get("batch.kubernetes.io/job-completion-index") for p in active]
        indexes_twice.append(sum(held.count(index) > 1 for index in held if index is not None))

    world.store.subscribe(look)
    episode.run()
    assert max(seen, default=0) <= most
    assert not any(indexes_twice)
