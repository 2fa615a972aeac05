"""Pods: what is defaulted, added, looked up, refused.

The texts of ``golden/pod_refusals.txt`` were held against kube-apiserver's own validation (1.36.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import Time, replace
from jobsim.api.core import PriorityClass
from jobsim.api.gofmt import quote
from jobsim.api.meta import ObjectMeta, OwnerReference, Unstructured
from jobsim.api.pod import Pod
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.admission.pod_validate import pod_errors, template_spec_errors
from jobsim.controllers.admission.references import missing_references
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from tests.controllers.admission.refused_pods import REFUSALS, container

EMPTY = ObjectTable()


def make(meta: dict[str, Any] | None = None, **spec: Any) -> Pod:
    spec = {"containers": [{"name": "c", "image": "i"}], **spec}
    metadata = {"name": "p", "namespace": "default", "uid": "u", **(meta or {})}
    pod = codec.from_dict({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    assert isinstance(pod, Pod)
    return pod


def admission(*, strict: bool = False) -> Admission:
    return Admission(Gates(), strict=strict, suffix=lambda: "abcde")


def created(pod: Pod, reader: ObjectTable = EMPTY, *, strict: bool = False) -> Pod:
    stored = admission(strict=strict).admit_create(pod, reader)
    assert isinstance(stored, Pod)
    return stored


def refused(pod: Pod, reader: ObjectTable = EMPTY, *, strict: bool = False) -> ApiError:
    with pytest.raises(ApiError) as caught:
        created(pod, reader, strict=strict)
    return caught.value


# --- defaults ----------------------------------------------------------------------------------


def test_what_every_pod_gets() -> None:
    pod = created(make())
    spec, first = pod.spec, pod.spec.containers[0]
    assert (spec.restart_policy, spec.dns_policy, spec.scheduler_name) == (
        "Always", "ClusterFirst", "default-scheduler",
    )  # fmt: skip
    assert (spec.termination_grace_period_seconds, spec.enable_service_links) == (30, True)
    assert (spec.service_account_name, spec.service_account) == ("default", "default")
    assert (spec.priority, spec.preemption_policy) == (0, "PreemptLowerPriority")
    assert (first.image_pull_policy, first.termination_message_policy) == ("Always", "File")
    assert (pod.status.phase, pod.status.qos_class, pod.status.conditions) == ("Pending", "BestEffort", ())


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("host:5000/a", "Always"),
        ("a@sha256:" + "0" * 64, "IfNotPresent"),
        ("a:latest@sha256:" + "0" * 64, "Always"),
        ("A/b", "Always"),
        # What is no reference has no tag, so not this one either.
        *[(image, "IfNotPresent") for image in ("A", "img-", "a..b", "a b", "a:", "0" * 64, "a//b", "A_B/c")],
    ],
)
def test_pull_policies_follow_the_tag(image: str, policy: str) -> None:
    assert created(make(**container(image=image))).spec.containers[0].image_pull_policy == policy


@pytest.mark.parametrize("image", [" a", "a ", "\t"])
def test_spaces_around_an_image_are_found_in_pods_only(image: str) -> None:
    """A template may have them: the Job is made, and each of its pods is refused."""
    spec = created(make()).spec
    spec = replace(spec, containers=(replace(spec.containers[0], image=image),))
    found = pod_errors(spec)
    why = "must not have leading or trailing whitespace"
    assert [error.text for error in found] == [
        f"spec.containers[0].image: Invalid value: {quote(image)}: {why}"
    ]
    assert template_spec_errors(spec, "spec") == []


def test_lost_nodes_are_tolerated_for_300_s() -> None:
    """K-POD-50; a pod that brings its own toleration keeps it."""
    added = created(make()).spec.tolerations
    assert [(t.key, t.effect, t.toleration_seconds) for t in added] == [
        ("node.kubernetes.io/not-ready", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "NoExecute", 300),
    ]
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
    kept = created(make(tolerations=[own])).spec.tolerations
    assert [t.toleration_seconds for t in kept] == [None, 300]
    assert len(created(make(tolerations=[{"operator": "Exists"}])).spec.tolerations) == 1


def test_requests_follow_limits() -> None:
    given = {"limits": {"cpu": 2, "memory": "1.5Gi", "x.y/gpu": 8}, "requests": {"cpu": "0.0001"}}
    resources = created(make(**container(resources=given))).spec.containers[0].resources
    assert resources.requests == {"cpu": "1m", "memory": "1536Mi", "x.y/gpu": "8"}
    assert resources.limits == {"cpu": "2", "memory": "1536Mi", "x.y/gpu": "8"}


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ({}, "BestEffort"),
        ({"limits": {"x.y/gpu": 1}}, "BestEffort"),
        ({"requests": {"cpu": 1}}, "Burstable"),
        ({"limits": {"cpu": 1}}, "Burstable"),
        ({"limits": {"cpu": 1, "memory": 1}}, "Guaranteed"),
        ({"limits": {"cpu": 2, "memory": 1}, "requests": {"cpu": 1}}, "Burstable"),
        ({"limits": {"cpu": 0}}, "BestEffort"),
    ],
)
def test_qos_classes(resources: dict[str, Any], qos: str) -> None:
    assert created(make(**container(resources=resources))).status.qos_class == qos


def test_parts_get_their_defaults() -> None:
    pod = created(
        make(
            hostNetwork=True,
            terminationGracePeriodSeconds=-1,
            volumes=[
                {"name": "a"},
                {"name": "b", "secret": {"secretName": "s"}},
                {"name": "d", "hostPath": {"path": "/d"}},
            ],
            **container(
                ports=[{"containerPort": 80}],
                env=[{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                livenessProbe={"httpGet": {"port": 80}},
            ),
        )
    ).spec
    first = pod.containers[0]
    assert pod.termination_grace_period_seconds == 1
    assert (first.ports[0].protocol, first.ports[0].host_port) == ("TCP", 80)
    assert first.env[0].value_from == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    assert first.liveness_probe is not None
    assert first.liveness_probe.http_get == {"path": "/", "scheme": "HTTP", "port": 80}
    assert (first.liveness_probe.period_seconds, first.liveness_probe.failure_threshold) == (10, 3)
    assert pod.volumes[0].empty_dir == {}
    assert pod.volumes[1].secret == {"secretName": "s", "defaultMode": 420}
    assert pod.volumes[2].host_path == {"path": "/d", "type": ""}


def test_a_gated_pod_says_so_from_the_start() -> None:
    pod = make(schedulingGates=[{"name": "g"}]).with_meta(creation_timestamp=Time(7))
    [condition] = created(pod).status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "PodScheduled",
        "False",
        "SchedulingGated",
    )
    assert condition.last_transition_time == 7


def test_a_strict_cluster_mounts_the_accounts_token() -> None:
    spec = created(make(initContainers=[{"name": "x", "image": "i"}]), strict=True).spec
    assert spec.volumes[0].name == "kube-api-access-abcde"
    assert [c.volume_mounts[0].name for c in (*spec.containers, *spec.init_containers)] == [
        "kube-api-access-abcde",
        "kube-api-access-abcde",
    ]
    assert created(make(automountServiceAccountToken=False), strict=True).spec.volumes == ()
    assert created(make()).spec.volumes == ()
    own = {"name": "v", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    kept = created(make(volumes=[{"name": "v"}], **container(volumeMounts=[own])), strict=True)
    assert [m.name for m in kept.spec.containers[0].volume_mounts] == ["v"]


# --- priority ----------------------------------------------------------------------------------


def classes(*items: PriorityClass) -> ObjectTable:
    table = ObjectTable()
    for item in items:
        table.put(item)
    return table


def priority_class(name: str, value: int, **fields: Any) -> PriorityClass:
    return PriorityClass(metadata=ObjectMeta(name=name), value=value, **fields)


def test_priority_comes_from_the_class() -> None:
    """C-ENV-05."""
    table = classes(priority_class("high", 9, preemption_policy="Never"))
    spec = created(make(priorityClassName="high"), table).spec
    assert (spec.priority, spec.preemption_policy) == (9, "Never")
    assert created(make(priorityClassName="system-node-critical"), table).spec.priority == 2_000_001_000
    assert "2000001000" not in refused(make(priority=1, priorityClassName="high"), table).message


def test_without_a_class_the_lowest_global_default_counts() -> None:
    table = classes(priority_class("a", 5, global_default=True), priority_class("b", 3, global_default=True))
    spec = created(make(), table).spec
    assert (spec.priority, spec.priority_class_name) == (3, "b")


@pytest.mark.parametrize("field", ["priority", "preemptionPolicy"])
def test_what_the_class_decides_may_not_be_given(field: str) -> None:
    error = refused(make(**{field: 7 if field == "priority" else "Never"}))
    assert error.code == 403
    assert "must not be provided in pod spec; priority admission controller computed" in error.message


def test_a_class_that_changes_is_read_again() -> None:
    """What is remembered of a template does not outlive the class that it was worked out with."""
    table = classes(priority_class("high", 9))
    chain = admission()
    pod = make(priorityClassName="high")
    chain.admit_create(pod, table)
    table.put(priority_class("high", 11))
    again = chain.admit_create(pod, table)
    assert isinstance(again, Pod)
    assert again.spec.priority == 11


# --- references --------------------------------------------------------------------------------

REFERRING = {
    "serviceAccountName": "sa",
    "priorityClassName": "high",
    "runtimeClassName": "rc",
    "volumes": [
        {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "b", "configMap": {"name": "cm"}},
        {"name": "d", "secret": {"secretName": "s", "optional": True}},
        {"name": "e", "projected": {"sources": [{"secret": {"name": "token"}}]}},
    ],
    "resourceClaims": [{"name": "g", "resourceClaimTemplateName": "gpus"}],
    **container(
        envFrom=[{"secretRef": {"name": "env"}}],
        env=[{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}],
    ),
}


def test_what_is_missing_is_assumed_once() -> None:
    chain = admission()
    chain.admit_create(make(**REFERRING), EMPTY)
    chain.admit_create(make({"name": "q"}, **REFERRING), EMPTY)
    assert chain.assumed == [
        'PriorityClass "high"', 'ServiceAccount "sa"', 'RuntimeClass "rc"', 'PersistentVolumeClaim "data"',
        'ResourceClaimTemplate "gpus"', 'ConfigMap "cm"', 'Secret "token"', 'Secret "env"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"serviceAccountName": "sa"},
            'error looking up service account default/sa: serviceaccount "sa" not found',
        ),
        ({"priorityClassName": "high"}, "no PriorityClass with name high was found"),
        ({"runtimeClassName": "rc"}, 'pod rejected: RuntimeClass "rc" not found'),
    ],
)
def test_a_strict_cluster_refuses_the_pod(spec: dict[str, Any], message: str) -> None:
    error = refused(make(**spec), strict=True)
    assert (error.code, error.message) == (403, f'pods "p" is forbidden: {message}')


def test_what_a_pod_waits_for() -> None:
    found = missing_references(make(**REFERRING), EMPTY)
    assert [(ref.text, ref.need) for ref in found] == [
        ('PersistentVolumeClaim "data"', "schedule"), ('ResourceClaimTemplate "gpus"', "schedule"),
        ('ConfigMap "cm"', "mount"), ('Secret "token"', "mount"), ('Secret "env"', "start"),
        ('ConfigMap "cm"', "start"),
    ]  # fmt: skip
    there = ObjectTable()
    meta = ObjectMeta(name="cm", namespace="default")
    there.put(Unstructured(metadata=meta, type_name="ConfigMap", group_version="v1"))
    assert "ConfigMap" not in {ref.type.KIND for ref in missing_references(make(**REFERRING), there)}


# --- refusals ----------------------------------------------------------------------------------


def test_refusals(golden: Callable[[str, str], None]) -> None:
    lines = []
    for name, spec in REFUSALS.items():
        error = refused(make(**spec))
        assert error.code == 422, name
        lines += [name, *(f"  {text}" for text in error.causes)]
    golden("pod_refusals", "\n".join(lines))


def test_what_a_webhook_adds_is_checked_too() -> None:
    """C-EXC-06: the topology key of an annotation that is no label key makes no leader."""
    told = {"jobset.sigs.k8s.io/jobset-name": "js", "batch.kubernetes.io/job-completion-index": "0"}
    meta = {
        "labels": told,
        "annotations": {**told, "alpha.jobset.sigs.k8s.io/exclusive-topology": "a b"},
    }
    terms = [
        f"spec.affinity.{kind}.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey"
        for kind in ("podAffinity", "podAntiAffinity")
    ]
    message = refused(make(meta)).message
    assert all(f'{term}: Invalid value: "a b": name part must consist' in message for term in terms)
    meta["annotations"]["alpha.jobset.sigs.k8s.io/exclusive-topology"] = "rack"
    assert created(make(meta)).spec.affinity is not None


def test_hostnames_are_checked_pod_by_pod() -> None:
    """Pods of one owner share a template but for the hostname."""
    owner = OwnerReference(api_version="batch/v1", kind="Job", name="j", uid="x", controller=True)
    chain = admission()
    good = make(hostname="j-0").with_meta(owner_references=(owner,))
    stored = chain.admit_create(good, EMPTY)
    assert isinstance(stored, Pod)
    assert stored.spec.hostname == "j-0"
    with pytest.raises(ApiError, match=r"spec\.hostname: Invalid value"):
        chain.admit_create(replace(good, spec=replace(good.spec, hostname="J")), EMPTY)


def test_one_memory_changes_no_answer() -> None:
    owner = OwnerReference(api_version="batch/v1", kind="Job", name="j", uid="x", controller=True)
    pods = [
        make(), make(nodeSelector={"a": "b"}), make({"labels": {"a": "!"}}),
        make({"labels": {"a": ""}}),
        make({"annotations": {"!": ""}}), make(containers=[]), make(priorityClassName="x"),
        make({"name": "P"}),
    ]  # fmt: skip
    pods += [pod.with_meta(owner_references=(owner,)) for pod in pods]
    shared = admission()

    def answer(chain: Admission, pod: Pod) -> object:
        try:
            return chain.admit_create(pod, EMPTY)
        except ApiError as err:
            return err.message

    assert [answer(shared, pod) for pod in pods * 2] == [answer(admission(), pod) for pod in pods * 2]
