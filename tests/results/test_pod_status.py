"""READY, STATUS and RESTARTS of a pod, state by state."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.pod import Pod
from jobsim.results.pod_status import pod_ready, pod_restarts, pod_status
from jobsim.units import seconds
from tests.results.conftest import DELETED, RUNNING, end, made, status_of


def pod(phase: str = "Running", **parts: Any) -> Pod:
    """Return a pod with containers a and b; ``init`` names init containers, ``sidecar`` restartable ones."""
    init = [{"name": name} for name in parts.pop("init", ())]
    init += [{"name": name, "restartPolicy": "Always"} for name in parts.pop("sidecar", ())]
    conditions = [{"type": t, "status": "True"} for t in parts.pop("true", ())] + parts.pop("conditions", [])
    status = {
        "phase": phase,
        "reason": parts.pop("reason", ""),
        "conditions": conditions,
        "initContainerStatuses": parts.pop("inits", []),
        "containerStatuses": parts.pop("containers", []),
    }
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": init}
    made_pod = made("Pod", "p", spec=spec, status=status, metadata=parts.pop("metadata", {}))
    assert isinstance(made_pod, Pod)
    assert not parts
    return made_pod


GATED = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}


def ended(code: int, reason: str = "", signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}


@pytest.mark.parametrize(
    ("given", "ready", "status"),
    [
        (pod("Pending"), "0/2", "Pending"),
        (pod("Pending", conditions=[GATED]), "0/2", "SchedulingGated"),
        (
            pod("Pending", containers=[status_of(c, waiting={"reason": "ContainerCreating"}) for c in "ab"]),
            "0/2",
            "ContainerCreating",
        ),
        (pod(containers=[status_of("a", **RUNNING), status_of("b", **RUNNING)]), "2/2", "Running"),
        (
            pod(containers=[status_of("a", **RUNNING), status_of("b", **RUNNING, ready=False)]),
            "1/2",
            "Running",
        ),
        (
            pod("Succeeded", containers=[status_of(c, **ended(0, "Completed")) for c in "ab"]),
            "0/2",
            "Completed",
        ),
        (pod("Failed", containers=[status_of("a", **ended(1, "Error"))]), "0/2", "Error"),
        (pod("Failed", containers=[status_of("a", **ended(137, "OOMKilled"))]), "0/2", "OOMKilled"),
        (pod("Failed", containers=[status_of("a", **ended(3))]), "0/2", "ExitCode:3"),
        (pod("Failed", containers=[status_of("a", **ended(137, signal=9))]), "0/2", "Signal:9"),
        (pod("Failed", reason="Evicted"), "0/2", "Evicted"),
        # The first container that has a word wins, so the loop runs from the last.
        (
            pod(
                "Failed",
                containers=[status_of("a", **ended(1, "Error")), status_of("b", **ended(0, "Completed"))],
            ),
            "0/2",
            "Error",
        ),
        (pod(containers=[status_of("a", waiting={"reason": "CrashLoopBackOff"})]), "0/2", "CrashLoopBackOff"),
        (
            pod(
                containers=[status_of("a", **ended(0, "Completed")), status_of("b", **RUNNING)],
                true=["Ready"],
            ),
            "1/2",
            "Running",
        ),
        (
            pod(containers=[status_of("a", **ended(0, "Completed")), status_of("b", **RUNNING)]),
            "1/2",
            "NotReady",
        ),
        (pod(containers=[status_of("a", **RUNNING)], metadata=DELETED), "1/2", "Terminating"),
        (pod(reason="NodeLost", metadata=DELETED), "0/2", "Unknown"),
        (
            pod("Failed", containers=[status_of("a", **ended(1, "Error"))], metadata=DELETED),
            "0/2",
            "Error",
        ),
        (pod("Pending", init=["i", "j"], inits=[status_of("i", **RUNNING)]), "0/2", "Init:0/2"),
        (
            pod("Pending", init=["i", "j"], inits=[status_of("i", **ended(0)), status_of("j", waiting={})]),
            "0/2",
            "Init:1/2",
        ),
        (
            pod("Pending", init=["i"], inits=[status_of("i", waiting={"reason": "PodInitializing"})]),
            "0/2",
            "Init:0/1",
        ),
        (
            pod("Pending", init=["i"], inits=[status_of("i", waiting={"reason": "CrashLoopBackOff"})]),
            "0/2",
            "Init:CrashLoopBackOff",
        ),
        (pod("Pending", init=["i"], inits=[status_of("i", **ended(1, "Error"))]), "0/2", "Init:Error"),
        (pod("Pending", init=["i"], inits=[status_of("i", **ended(4))]), "0/2", "Init:ExitCode:4"),
        (pod("Pending", init=["i"], inits=[status_of("i", **ended(4, signal=6))]), "0/2", "Init:Signal:6"),
        (
            pod(
                sidecar=["s"],
                inits=[status_of("s", **RUNNING, started=True)],
                containers=[status_of("a", **RUNNING), status_of("b", **RUNNING)],
            ),
            "3/3",
            "Running",
        ),
        (
            pod("Pending", sidecar=["s"], inits=[status_of("s", **RUNNING, started=False, ready=False)]),
            "0/3",
            "Init:0/1",
        ),
        # A sidecar that crashed after initialization does not hide the containers.
        (
            pod(
                sidecar=["s"],
                true=["Initialized"],
                inits=[status_of("s", waiting={"reason": "CrashLoopBackOff"})],
                containers=[status_of("a", **ended(1, "Error")), status_of("b", **RUNNING)],
            ),
            "1/3",
            "Error",
        ),
    ],
)
def test_pod_ready_and_status(given: Pod, ready: str, status: str) -> None:
    assert (pod_ready(given), pod_status(given)) == (ready, status)


@pytest.mark.parametrize(
    ("given", "restarts"),
    [
        (pod(containers=[status_of("a", **RUNNING)]), (0, None)),
        (
            pod(
                containers=[
                    status_of("a", restarts=2, last=end(3300), **RUNNING),
                    status_of("b", restarts=1, last=end(3000), **RUNNING),
                ]
            ),
            (3, seconds(3300)),
        ),
        # While it initializes, init containers are counted up to the one that holds it up ...
        (
            pod(
                "Pending",
                init=["i", "j"],
                inits=[status_of("i", restarts=4, last=end(3100), **RUNNING), status_of("j", restarts=9)],
                containers=[status_of("a", restarts=7)],
            ),
            (4, seconds(3100)),
        ),
        # ... afterwards only those that keep running.
        (
            pod(
                init=["i"],
                sidecar=["s"],
                inits=[
                    status_of("i", restarts=4, last=end(3100), **ended(0)),
                    status_of("s", restarts=2, last=end(3000), started=True, **RUNNING),
                ],
                containers=[status_of("a", restarts=1, last=end(2900), **RUNNING)],
            ),
            (3, seconds(3000)),
        ),
    ],
)
def test_pod_restarts(given: Pod, restarts: tuple[int, int | None]) -> None:
    assert pod_restarts(given) == restarts
