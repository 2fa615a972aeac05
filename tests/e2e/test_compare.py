"""What tells two truths apart, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from jobsim.e2e.compare import comparable

Json = dict[str, Any]


def row(reason: str, note: str = "", count: int = 1, t: float = 0.0) -> Json:
    return {"t": t, "type": "Normal", "reason": reason, "note": note, "count": count}


TRUTH: Json = {
    "jobsets": {
        "a": {
            "exists": True,
            "conditions": [{"t": 1.0, "type": "Failed", "status": "True", "reason": "R", "message": "m"}],
            "restarts": [{"t": 0.0, "restarts": 0, "restartsCountTowardsMax": 0}],
            "terminalState": "Failed",
            "replicatedJobsStatus": [{"name": "x", "ready": 0}, {"name": "w", "ready": 1}],
        }
    },
    "jobs": [{"job": "a-w-0#0", "conditions": [], "status": {"failed": 1, "ready": 0}, "podsCreated": 2}],
    "events": {
        "Job/a-w-0#0": [row("Created", "0"), row("Created", "1"), row("FailedCreate", "no"), row("Done")],
        "JobSet/a": [row("First"), row("Then"), row("First")],
        "Pod/a-w-0-0-*": [row("FailedScheduling", "0/1"), row("Preempted")],
    },
    "pods": {"created": 2},
    "results": [{"step": 1, "code": 404, "message": "gone"}],
    "creationOrder": [{"restartAttempt": "0", "replicatedJob": "w"}],
    "placement": {"distinctDomains": 2},
    "timeline": [{"t": 0.0, "do": "jobset-created"}],
    "duration": 9.0,
}


def events(truth: Json, about: str) -> list[Json]:
    rows = truth["events"][about]
    assert isinstance(rows, list)
    return rows


def jobset(truth: Json) -> Json:
    found = truth["jobsets"]["a"]
    assert isinstance(found, dict)
    return found


def changed(change: Callable[[Json], Any]) -> Json:
    truth = deepcopy(TRUTH)
    change(truth)
    return truth


@pytest.mark.parametrize(
    "change",
    [
        lambda t: jobset(t).update(exists=False),
        lambda t: jobset(t).update(terminalState="Completed"),
        lambda t: jobset(t)["conditions"][0].update(message="other"),
        lambda t: jobset(t)["conditions"].append(jobset(t)["conditions"][0]),
        lambda t: jobset(t)["restarts"][0].update(restarts=1),
        lambda t: jobset(t)["replicatedJobsStatus"][0].update(ready=7),
        lambda t: t["jobs"][0]["status"].update(failed=2),
        lambda t: t["jobs"][0].update(podsCreated=3),
        lambda t: t["jobs"].clear(),
        lambda t: t["pods"].update(created=3),
        lambda t: t["results"][0].update(code=409),
        lambda t: t["results"][0].update(message="other"),
        lambda t: t["creationOrder"].clear(),
        lambda t: t["placement"].update(distinctDomains=1),
        lambda t: events(t, "Job/a-w-0#0").reverse(),
        lambda t: events(t, "Job/a-w-0#0")[0].update(count=2),
        lambda t: events(t, "Job/a-w-0#0")[0].update(type="Warning"),
        lambda t: events(t, "Job/a-w-0#0")[3].update(note="other"),
        lambda t: events(t, "Job/a-w-0#0").pop(2),
        lambda t: events(t, "JobSet/a").pop(),
        lambda t: events(t, "JobSet/a").insert(0, events(t, "JobSet/a").pop(1)),
        lambda t: t["events"].pop("Pod/a-w-0-0-*"),
    ],
)
def test_a_difference(change: Callable[[Json], Any]) -> None:
    assert comparable(changed(change), ()) != comparable(TRUTH, ())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: jobset(t)["conditions"][0].update(t=7.0),
        lambda t: jobset(t)["replicatedJobsStatus"].reverse(),
        lambda t: t["timeline"].clear(),
        lambda t: t.update(duration=1.0),
        lambda t: t["results"][0].update(step=2),
        lambda t: events(t, "Job/a-w-0#0").insert(0, events(t, "Job/a-w-0#0").pop(1)),
        lambda t: events(t, "Job/a-w-0#0")[2].update(count=40),
        lambda t: events(t, "Job/a-w-0#0").append(row("FailedCreate", "no")),
        lambda t: events(t, "Pod/a-w-0-0-*")[0].update(note="0/2", count=9),
        lambda t: t["events"].update({"Pod/b-*": []}),
    ],
)
def test_no_difference(change: Callable[[Json], Any]) -> None:
    assert comparable(changed(change), ()) == comparable(TRUTH, ())


def test_equal_events_are_added_up() -> None:
    """About a Job wherever they stand, about a JobSet only side by side."""
    twice = [row("Created", "0"), row("Created", "1"), row("Done"), row("Created", "0")]
    once = [row("Created", "0", count=2), row("Created", "1"), row("Done")]
    for about, same in (("Job/a#0", True), ("JobSet/a", False)):
        sides = [comparable({"events": {about: rows}}, ()) for rows in (twice, once)]
        assert (sides[0] == sides[1]) == same
    series = [row("Done", count=3)], [row("Done"), row("Done", count=2)]
    assert comparable({"events": {"JobSet/a": series[0]}}, ()) == comparable(
        {"events": {"JobSet/a": series[1]}}, ()
    )


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("jobsets/a/conditions", lambda t: jobset(t)["conditions"].clear()),
        ("jobs/a-w-0#0/status/failed", lambda t: t["jobs"][0]["status"].pop("failed")),
        ("jobs/a-w-0#0", lambda t: t["jobs"].clear()),
        ("creationOrder", lambda t: t["creationOrder"].clear()),
        ("pods/created", lambda t: t["pods"].update(created=9)),
        ("events/Job/a-w-0#0/Created/count", lambda t: events(t, "Job/a-w-0#0")[0].update(count=2)),
        ("events/Job/a-w-0#0/Done", lambda t: events(t, "Job/a-w-0#0").pop()),
        ("events/Job/a-w-0#0/FailedCreate", lambda t: events(t, "Job/a-w-0#0").pop(2)),
        ("events/JobSet/a/order", lambda t: events(t, "JobSet/a").reverse()),
        ("events/Pod/a-w-0-0-*", lambda t: t["events"].pop("Pod/a-w-0-0-*")),
    ],
)
def test_what_is_unstable_is_not_compared(path: str, change: Callable[[Json], Any]) -> None:
    other = changed(change)
    assert comparable(other, [path]) == comparable(TRUTH, [path])
    # It takes that path: without it, or with a path that leads nowhere, they differ (but for the order).
    if not path.endswith("order"):
        assert comparable(other, ["jobs/no/where"]) != comparable(TRUTH, ["jobs/no/where"])
