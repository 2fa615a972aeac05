"""A world without time, in the hands of a test: steps do what their words say."""

from __future__ import annotations

import pytest

from jobsim.api.core import Node
from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.testing.faults import FAULTS
from jobsim.testing.machine_world import Case, World

POD = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
JOB = {"parallelism": 2, "completions": 2, "backoffLimit": 6, "template": {"spec": POD}}
MANIFEST = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "js"},
    "spec": {"replicatedJobs": [{"name": "a", "replicas": 2, "template": {"spec": JOB}}]},
}


def world(*steps: tuple[object, ...]) -> World:
    made = World(Case(manifest=MANIFEST, calm=True))
    for step in steps:
        made.do(step)
    return made


def test_pods_of_a_machine_that_goes_are_collected_and_made_anew() -> None:
    """K-POD-52: nothing runs on a node that is not there, and the JobSet ends all the same."""
    made = world(("flow", 5))
    assert {pod.status.phase for pod in made.store.list(Pod)} == {"Running"}
    lost = made.store.list(Pod)[0].spec.node_name
    victims = [pod.name for pod in made.store.list(Pod) if pod.spec.node_name == lost]
    made.do(("lose", [node.name for node in made.store.list(Node)].index(lost)))
    made.settle()
    assert not [pod for pod in made.store.list(Pod) if pod.name in victims or pod.spec.node_name == lost]
    assert made.jobset is not None
    assert made.jobset.status.terminal_state == "Completed"
    made.do(("restore",))
    assert made.store.get(Node, "", lost) is not None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_gust_passes(fault: str, every: int) -> None:
    made = world(("gust", 4, every, fault), ("gust", 2, 1, fault))
    revision = made.store.revision
    made.settle()
    assert made.store.revision > revision
    assert made.jobset is not None
    assert made.jobset.status.terminal_state == "Completed"


def test_a_jobset_is_replaced() -> None:
    made = world(("flow", 5))
    before = made.store.list(JobSet)[0].uid
    made.do(("replace", 1))
    made.settle()
    (after,) = made.store.list(JobSet)
    assert after.uid != before
    assert after.status.terminal_state == "Completed"
