"""Failures that a container restart cures, and those that it does not (``failures[].inPlace``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.in_place import in_place_jobset, run
from tests.runtime.lab import Lab, jobset


def struck(lab: Lab) -> list[tuple[str, str, object]]:
    return [
        (row["effect"], row["entity"].rpartition("-")[0] if row["effect"] == "pod-fails" else row["entity"],
         row.get("inPlace"))
        for row in lab.rows
        if row.get("note") == "failure"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("share", "noted", "failed", "restarted"),
    [(None, None, 0, 2), (1, True, 0, 2), (0, False, 1, 1)],
)
def test_a_pod(share: float | None, noted: bool | None, failed: int, restarted: int) -> None:
    entry = {"at": "5m", "pod": "train-w-0-0", "exitCode": 9, **({} if share is None else {"inPlace": share})}
    lab = run(in_place_jobset(jobs=1), failures=[entry])
    assert struck(lab) == [("pod-fails", "train-w-0-0", noted)]
    assert lab.recorder.counts.summary()["failed"] == failed
    assert sum(c.restart_count for p in lab.pods() for c in p.status.container_statuses) == restarted
    assert lab.js().status.terminal_state == "Completed"


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_pod_without_agent(policy: str) -> None:
    """Curable: what the manifest says; else the pod fails whatever it says."""
    for share, restarted in ((1, policy == "OnFailure"), (0, False)):
        manifest = jobset(restartPolicy=policy, job={"backoffLimit": 3})
        failures = [{"at": "30s", "pod": "train-w-0-0", "exitCode": 1, "inPlace": share}]
        lab = Lab(manifest, failures=failures)
        assert lab.js().status.terminal_state == "Completed"
        assert lab.recorder.counts.summary()["failed"] == (not restarted)


@pytest.mark.parametrize("effect", ["crash", "lose", "drain"])
def test_a_node(effect: str) -> None:
    """Curable: the containers there fail, the node stays what it was."""
    entry = {"at": "5m", "node": "n-0", "effect": effect, "repair": "1m"}
    lab = run(in_place_jobset(), failures=[{**entry, "inPlace": 1}])
    name = next(pod.name for pod in lab.pods() if pod.spec.node_name == "n-0").rpartition("-")[0]
    assert struck(lab) == [("pods-fail", "n-0", True), ("pod-fails", name, True)]
    assert lab.recorder.counts.summary() == {"created": 4, "succeeded": 4, "failed": 0, "deleted": 0}
    lab = run(in_place_jobset(), failures=[{**entry, "inPlace": 0}])
    assert struck(lab)[0] == (effect, "n-0", None)


def test_the_share_is_drawn_by_what_fails_and_when() -> None:
    """Another entry moves no draw."""
    entries: list[dict[str, Any]] = [
        {"at": f"{5 * n}s", "node": f"n-{n % 40}", "repair": "1s", "inPlace": 0.7} for n in range(200)
    ]

    def cured(failures: list[dict[str, Any]]) -> dict[int, bool]:
        lab = Lab(jobset(pods=1), failures=failures, nodes=40, seed=3)
        rows = [row for row in lab.rows if row.get("note") == "failure" and row["entity"].startswith("n-")]
        return {row["time"]: row["effect"] == "pods-fail" for row in rows if row["effect"] != "repair"}

    whole = cured(entries)
    assert len(whole) == 200
    assert 0.6 < sum(whole.values()) / 200 < 0.8
    assert cured(entries[7::3]) == {entry: whole[entry] for entry in list(whole)[7::3]}
