"""Every manifest of the JobSet project's examples runs and ends as on a real cluster whose pods succeed."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from tests.cli.conftest import Jobsim
from tests.conftest import SHARED

FOLDER = SHARED / "data/manifests/jobset"
RESTART_JOB = (
    "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions are not allowed when RestartJob "
    "feature gate is disabled"
)
ACCOUNT = 'ServiceAccount "jobset-in-place-restart"'
IN_PLACE = "InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate is disabled"


class End(NamedTuple):
    """How a file ends.

    ``jobset`` and ``state``: the JobSet and its terminalState; ``pods``: created, succeeded; ``gate``: what
    it is refused without, in which words; ``stored``: kinds that are only stored; ``deleted``: by its TTL.
    """

    jobset: str = ""
    state: str = "Completed"
    pods: tuple[int, int] = (0, 0)
    gate: tuple[str, str] | None = None
    stored: str = ""
    assumed: str = ""
    deleted: bool = False


def endless(jobset: str, pods: int, **more: str) -> End:
    """Pods that run ``sleep infinity``: the JobSet has no end, on a real cluster neither."""
    return End(jobset, "", (pods, 0), **more)  # type: ignore[arg-type]


#: A schedulingGroup is dropped by a cluster without the gate GenericWorkload, which is off (K-SCH-41).
ENDS = {
    "argo-workflow/rbac.yaml": End(stored="ServiceAccount, Role, RoleBinding", assumed='Namespace "argo"'),
    "argo-workflow/workflow.yaml": End(stored="Workflow", assumed='Namespace "argo"'),
    "depends-on/depends-on.yaml": End("depends-on", pods=(6, 6)),
    "depends-on/multiple-depends-on.yaml": End("multiple-depends-on", pods=(6, 6)),
    "failure-policy/failjobset-action.yaml": End("failjobset-action-example", pods=(4, 4)),
    "failure-policy/host-maintenance-event-model.yaml": End("host-maintenance-event-model", pods=(4, 4)),
    "failure-policy/onjobfailurereasons-present-podfailurepolicy.yaml": End(
        "onjobfailurereasons-podfailurepolicy-example", pods=(4, 4)
    ),
    "failure-policy/onjobfailurereasons-present.yaml": End(
        "onjobfailurereasons-present-example", pods=(4, 4)
    ),
    "failure-policy/restartjob-action.yaml": End("js", pods=(4, 4), gate=("RestartJob", RESTART_JOB)),
    "failure-policy/restartjobandignoremaxrestarts-action.yaml": End(
        "js", pods=(4, 4), gate=("RestartJob", RESTART_JOB)
    ),
    "failure-policy/restartjobset-action.yaml": End("restartjobset-action-example", pods=(4, 4)),
    "failure-policy/restartjobsetandignoremaxrestarts-action.yaml": End("rjimr-action-example", pods=(4, 4)),
    "in-place-restart/jobset-main-container-mode.yaml": End(
        "js", pods=(4, 4), gate=("InPlaceRestart", IN_PLACE), assumed=ACCOUNT
    ),
    "in-place-restart/jobset-sidecar-container-mode.yaml": End(
        "js", pods=(4, 4), gate=("InPlaceRestart", IN_PLACE), assumed=ACCOUNT
    ),
    "in-place-restart/service-account.yaml": End(
        stored="ServiceAccount, Role, RoleBinding, ValidatingAdmissionPolicy, "
        "ValidatingAdmissionPolicyBinding"
    ),
    "prometheus-operator/prometheus.yaml": End(
        stored="ServiceAccount, ClusterRole, ClusterRoleBinding, Prometheus",
        assumed='Namespace "jobset-system"',
    ),
    "pytorch/cnn-mnist/mnist.yaml": End("pytorch", pods=(4, 4)),
    "pytorch/resnet-cifar10/resnet.yaml": End("pytorch", pods=(4, 4)),
    "simple/coordinator.yaml": End("coordinator-example", pods=(5, 5)),
    "simple/exclusive-placement.yaml": End("exclusive-placement", pods=(9, 9)),
    "simple/failure-policy.yaml": End("failure-policy", pods=(4, 4)),
    "simple/group.yaml": End("group-example", pods=(4, 4)),
    "simple/jobset-with-network.yaml": End("network-jobset", pods=(3, 3)),
    "simple/paralleljobs.yaml": End("paralleljobs", pods=(5, 5)),
    "simple/success-policy.yaml": End("success-policy", pods=(3, 2)),
    "simple/ttl-after-finished.yaml": End("jobset-with-ttl", pods=(4, 4), deleted=True),
    "startup-policy/startup-driver-ready.yaml": End("startup-driver-ready", pods=(5, 5)),
    "tensorflow/mnist.yaml": End("tensorflow", pods=(2, 2)),
    "tpu-multislice/kueue-config.yaml": End(stored="ResourceFlavor, ClusterQueue, LocalQueue"),
    "tpu-multislice/v6e-jax-workload.yaml": End(
        "v6e-multislice", pods=(8, 8), assumed='LocalQueue "multislice-queue"'
    ),
    "volume-claim-policy/single-pvc.yaml": End("volume-claim-trainjob", pods=(4, 4)),
    "workload-aware-scheduling/dra/jobset.yaml": endless(
        "training-job", 6, assumed='ResourceClaimTemplate "gpu-claim-template"'
    ),
    "workload-aware-scheduling/dra/kind.yaml": End(stored="Cluster"),
    "workload-aware-scheduling/dra/podgroup.yaml": End(stored="PodGroup"),
    "workload-aware-scheduling/dra/resourceclaimtemplate.yaml": End(stored="ResourceClaimTemplate"),
    "workload-aware-scheduling/dra/workload.yaml": End(stored="Workload"),
    "workload-aware-scheduling/jobset.yaml": endless("js", 6),
    "workload-aware-scheduling/kind.yaml": End(stored="Cluster"),
    "workload-aware-scheduling/podgroup.yaml": End(stored="PodGroup"),
    "workload-aware-scheduling/preemption/high-priority-jobset.yaml": endless(
        "hp-js", 4, stored="Workload, PodGroup", assumed='PriorityClass "high-priority"'
    ),
    "workload-aware-scheduling/preemption/high-priority.yaml": End(),
    "workload-aware-scheduling/preemption/low-priority-jobset.yaml": endless(
        "lp-js", 4, stored="Workload, PodGroup", assumed='PriorityClass "low-priority"'
    ),
    "workload-aware-scheduling/preemption/low-priority.yaml": End(),
    "workload-aware-scheduling/tas/jobset.yaml": endless("js", 4),
    "workload-aware-scheduling/tas/podgroup.yaml": End(stored="PodGroup"),
    "workload-aware-scheduling/tas/workload.yaml": End(stored="Workload"),
    "workload-aware-scheduling/workload.yaml": End(stored="Workload"),
}


@pytest.mark.skipif(not FOLDER.exists(), reason="no reference data")
def test_every_file_is_named() -> None:
    assert sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yaml")) == sorted(ENDS)


@pytest.mark.skipif(not FOLDER.exists(), reason="no reference data")
@pytest.mark.parametrize("name", ENDS)
def test_end(jobsim: Jobsim, name: str) -> None:
    file, end = FOLDER / name, ENDS[name]
    words = ["run", file, "--output", "json"]
    if end.gate is not None:
        gate, text = end.gate
        refused = jobsim(*words)
        assert (refused.exit_code, refused.stdout) == (1, "")
        said = f'{file}:1: The JobSet "{end.jobset}" is invalid: <nil>: Internal error: {text}'
        assert refused.stderr.splitlines()[-1] == said
        words += ["--gate", f"{gate}=true"]
    result = jobsim(*words)
    assert result.exit_code == 0, result.stderr
    assert [row for row in (*end.stored.split(", "), end.assumed) if row not in result.stderr] == []
    # PodGroups are not among those that are only stored: their gate decides.
    assert ("not simulated" in result.stderr) == (end.stored not in ("", "PodGroup"))
    assert ("taken as existing" in result.stderr) == bool(end.assumed)
    summary = json.loads(result.stdout)
    assert summary["warnings"] == []
    assert (summary["pods"]["created"], summary["pods"]["succeeded"]) == end.pods
    found = [(row["name"], row["terminalState"], row["deleted"]) for row in summary["jobsets"]]
    assert found == ([(end.jobset, end.state, end.deleted)] if end.jobset else [])
    assert [row["restarts"] for row in summary["jobsets"]] in ([], [0])


@pytest.mark.skipif(not FOLDER.exists(), reason="no reference data")
def test_all_files_in_one_cluster(jobsim: Jobsim) -> None:
    """They do not get into each other's way; of two with one name the first is taken."""
    names = [name for name, end in ENDS.items() if end.gate is None and not name.startswith("workload")]
    names.remove("pytorch/resnet-cifar10/resnet.yaml")
    result = jobsim("run", *(FOLDER / name for name in names), "--output", "json")
    assert result.exit_code == 0, result.stderr
    states = {row["name"]: row["terminalState"] for row in json.loads(result.stdout)["jobsets"]}
    assert states == {ENDS[n].jobset: "Completed" for n in names if ENDS[n].jobset}
