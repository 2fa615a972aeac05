"""The server's answers to many things at once, to each word of each list of words, and what it stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet
from jobsim.api.meta import ObjectMeta, Unstructured
from jobsim.api.pod import Pod, PodSpec
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission import references
from jobsim.controllers.admission.manifest import as_object
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from tests.controllers.admission.hostile import FOLLOWER, JOB, JOBSET, Path, put
from tests.controllers.admission.test_answers import EMPTY, admission, answers, changed, creates

Golden = Callable[[str, str], None]
MAIN = ("spec", "containers", 0)
#: A pod in which a sidecar says all that a container can.
SIDECAR = {
    **FOLLOWER["spec"]["containers"][0],
    "name": "side",
    "restartPolicy": "Always",
    "ports": [{"containerPort": 81, "name": "q", "hostPort": 81}],
}
SIDECAR.pop("restartPolicyRules")
WITH_SIDECAR = put(FOLLOWER, ("spec", "initContainers"), [SIDECAR])


def refusal(doc: dict[str, Any]) -> list[str]:
    try:
        admission().create_document(doc, EMPTY)
    except ApiError as err:
        return list(err.causes) or [err.message]
    return []


@pytest.mark.slow
def test_sidecars(golden: Golden) -> None:
    docs = changed(WITH_SIDECAR, ("spec", "initContainers", 0), most=4)
    golden("admission-pod-sidecar", answers(creates(docs)))


SPOILT: dict[Path, Any] = {
    ("spec", "hostname"): "A",
    ("spec", "subdomain"): "B",
    ("spec", "nodeSelector"): {"-": "-"},
    ("spec", "restartPolicy"): "Perhaps",
    ("spec", "dnsPolicy"): "Perhaps",
    ("spec", "schedulerName"): "-",
    ("spec", "priorityClassName"): "-",
    ("spec", "serviceAccountName"): "-",
    ("spec", "activeDeadlineSeconds"): 0,
    ("spec", "hostNetwork"): True,
    ("spec", "tolerations"): [
        {"operator": "Perhaps"},
        {"key": "-"},
        {"effect": "Perhaps", "operator": "Exists"},
    ],
    ("spec", "schedulingGates"): [{"name": "-"}, {"name": "a"}, {"name": "a"}],
    ("spec", "topologySpreadConstraints"): [
        {"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Perhaps"},
        {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 0},
    ],
    (*MAIN, "name"): "-",
    (*MAIN, "ports"): [
        {"containerPort": 1, "hostPort": 2},
        {"containerPort": 0},
        {"containerPort": 1, "name": "-"},
    ],
    (*MAIN, "env"): [
        {"name": "="},
        {"name": "a", "value": "b", "valueFrom": {}},
        {"name": "b", "valueFrom": {}},
    ],
    (*MAIN, "resources"): {
        "limits": {"cpu": "1", "memory": "-1", "hugepages-2Mi": "4Mi", "kubernetes.io/odd": "1", "gpu": "1"},
        "requests": {"cpu": "2", "hugepages-2Mi": "2Mi", "a.b/c": "1"},
    },
    (*MAIN, "volumeMounts"): [{"name": "none", "mountPath": ""}, {"name": "v", "mountPath": "a:b"}],
    (*MAIN, "imagePullPolicy"): "Perhaps",
    (*MAIN, "livenessProbe"): {"periodSeconds": -1, "successThreshold": 2},
    (*MAIN, "lifecycle"): {"preStop": {}},
    ("spec", "initContainers"): [
        {"name": "-", "image": ""},
        {"name": "c", "image": "i", "livenessProbe": {"exec": {"command": ["x"]}}},
        {**SIDECAR, "ports": [{"containerPort": 3, "hostPort": 4}], "readinessProbe": {}, "startupProbe": {}},
    ],
    ("spec", "volumes"): [
        {"name": "v"},
        {"name": "v", "emptyDir": {}, "configMap": {}},
        {"name": "-", "emptyDir": {}},
    ],
    ("spec", "affinity", "nodeAffinity"): {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "-", "operator": "In"}]},
                {"matchFields": [{"key": "k", "operator": "Exists"}]},
                {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["x"]}]},
            ]
        },
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}],
    },
    ("spec", "affinity", "podAffinity"): {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "-"}, {"topologyKey": ""}],
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 101,
                "podAffinityTerm": {"topologyKey": "a", "labelSelector": {"matchLabels": {"-": "-"}}},
            }
        ],
    },
}


def test_all_faults_are_told_at_once(golden: Golden) -> None:
    """Nothing hides another: what is wrong in one place is still told when much else is wrong too."""
    doc = FOLLOWER
    for path, value in SPOILT.items():
        doc = put(doc, path, value)
    together = refusal(doc)
    assert len(together) > 60
    golden("admission-pod-many", "\n".join(together))


WORDS: list[tuple[Path, str]] = [
    ((*MAIN, "restartPolicyRules", 0, "action"), "Restart RestartAllContainers"),
    ((*MAIN, "restartPolicyRules", 0, "exitCodes", "operator"), "In NotIn"),
    ((*MAIN, "imagePullPolicy"), "Always Never IfNotPresent"),
    ((*MAIN, "ports", 0, "protocol"), "TCP UDP SCTP"),
    (("spec", "tolerations", 0, "effect"), "NoExecute"),
    (("spec", "dnsPolicy"), "ClusterFirst ClusterFirstWithHostNet Default None"),
    (("spec", "restartPolicy"), "Never OnFailure Always"),
    (("spec", "topologySpreadConstraints", 0, "whenUnsatisfiable"), "DoNotSchedule"),
    (
        (
            *("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
            *("nodeSelectorTerms", 0, "matchExpressions", 0, "operator"),
        ),
        "In NotIn",
    ),
    (
        (
            *("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
            *("nodeSelectorTerms", 0, "matchFields", 0, "operator"),
        ),
        "In NotIn",
    ),
]


@pytest.mark.parametrize(("path", "words"), WORDS, ids=[str(path[-1]) for path, _ in WORDS])
def test_words_that_are_allowed(path: Path, words: str) -> None:
    for word in words.split():
        assert refusal(put(FOLLOWER, path, word)) == [], word
        assert refusal(put(FOLLOWER, path, word.upper() + "x")) != []


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        ({"hugepages-2Mi": "4Mi", "cpu": "1"}, ""),
        ({"hugepages-2Mi": "4Mi", "memory": "1Gi"}, ""),
        ({"hugepages-2Mi": "4Mi"}, "HugePages require cpu or memory"),
        ({"a.b/c": "1"}, ""),
        ({"a.b/c": "1500m"}, "must be an integer"),
        ({"kubernetes.io/c": "1"}, ""),
        ({"c": "1"}, "must be a standard resource type or fully qualified"),
        ({"cpu": "-1"}, "must be greater than or equal to 0"),
    ],
)
def test_resources(amounts: dict[str, str], text: str) -> None:
    told = refusal(put(FOLLOWER, (*MAIN, "resources"), {"limits": amounts}))
    assert any(text in cause for cause in told) if text else told == []


def test_what_is_stored(golden: Golden) -> None:
    """Defaults of a Pod, a Job and a JobSet that say little, and of those that say nearly all."""
    pod = {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "livenessProbe": {"exec": {"command": ["x"]}},
                "ports": [{"containerPort": 1}],
            }
        ]
    }
    small_job = {"template": {"spec": {"restartPolicy": "Never", **pod}}}
    rjob = {"name": "w", "template": {"spec": {"template": {"spec": pod}}}}
    small = [
        {**FOLLOWER, "metadata": {"name": "p"}, "spec": pod},
        {**JOB, "metadata": {"name": "j"}, "spec": small_job},
        {**JOBSET, "metadata": {"name": "a"}, "spec": {"replicatedJobs": [rjob]}},
    ]
    stored = [admission().create_document(doc, EMPTY, uid="u") for doc in (*small, FOLLOWER, JOB, JOBSET)]
    golden("admission-stored", "\n".join(json.dumps(doc) for doc in stored))


def there(*names: tuple[type[Any], str]) -> ObjectTable:
    table = ObjectTable()
    for kind, name in names:
        space = "" if kind.KIND in ("RuntimeClass", "PriorityClass", "Namespace") else "default"
        meta = ObjectMeta(name=name, namespace=space)
        table.put(Unstructured(metadata=meta, type_name=kind.KIND, group_version="v1"))
    return table


def test_what_is_there_is_not_assumed() -> None:
    r = references
    everything = there(
        *((r.ServiceAccount, "sa"), (r.RuntimeClass, "rc"), (r.ConfigMap, "c"), (r.Secret, "s")),
    )
    chain = admission()
    chain.admit_manifest(FOLLOWER, everything)
    assert chain.assumed == ['PriorityClass "high"', 'PersistentVolumeClaim "c"']


def test_what_a_pod_waits_for() -> None:
    """By kind, name and what it cannot do without it; the cluster's certificates are everywhere."""
    volumes = [
        {"name": "a", "secret": {"secretName": "a"}},
        {"name": "b", "configMap": {"name": "b"}},
        {"name": "c", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
        {"name": "d", "projected": {"sources": [{"configMap": {"name": "d"}}, {"secret": {"name": "e"}}]}},
        {"name": "f", "persistentVolumeClaim": {"claimName": "f"}},
        {"name": "g", "configMap": {"name": "g", "optional": True}},
    ]
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "h", "key": "k"}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "i", "key": "k"}}},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "o", "key": "k", "optional": True}}},
    ]
    sources = [{"configMapRef": {"name": "j"}}, {"secretRef": {"name": "k"}}]
    claims = [{"name": "l", "resourceClaimName": "l"}, {"name": "m", "resourceClaimTemplateName": "m"}]
    container = {"name": "c", "env": env, "envFrom": sources}
    doc = {**FOLLOWER, "spec": {"containers": [container], "volumes": volumes, "resourceClaims": claims}}
    pod = codec.from_dict(doc)
    assert isinstance(pod, Pod)
    assert [(ref.text, ref.need) for ref in references.references(pod.spec)] == [
        ('PersistentVolumeClaim "f"', "schedule"),
        ('ResourceClaim "l"', "schedule"),
        ('ResourceClaimTemplate "m"', "schedule"),
        ('Secret "a"', "mount"),
        ('ConfigMap "b"', "mount"),
        ('ConfigMap "d"', "mount"),
        ('Secret "e"', "mount"),
        ('ConfigMap "j"', "start"),
        ('Secret "k"', "start"),
        ('Secret "h"', "start"),
        ('ConfigMap "i"', "start"),
    ]


def test_events_have_two_homes() -> None:
    for version in ("v1", "events.k8s.io/v1"):
        doc = {"apiVersion": version, "kind": "Event", "metadata": {"name": "e"}}
        told = refusal(doc)
        assert not any("no matches for kind" in text for text in told), told
    where = {"name": "e", "namespace": "far"}
    [told] = refusal({"apiVersion": "events.k8s.io/v9", "kind": "Event", "metadata": where})
    assert told.startswith(
        'resource mapping not found for name: "e" namespace: "far": no matches for kind "Event"'
    )


def test_our_types_may_ask_more() -> None:
    with pytest.raises(ApiError) as caught:
        as_object({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": 3})
    assert (caught.value.reason, caught.value.code) == ("BadRequest", 400)
    assert caught.value.message.startswith(
        'Job in version "v1" cannot be handled as a Job: Expected `object`'
    )


def test_what_was_wrong_before_may_stay() -> None:
    """Ratcheting: an update is not refused for what it does not touch (C-DIF-01 in main)."""
    chain = Admission(Gates(version="main"), strict=False, suffix=lambda: "abcde")
    stored = chain.create_document(JOBSET | {"spec": {**JOBSET["spec"], "failurePolicy": None}}, EMPTY)
    old = put(stored, ("spec", "replicatedJobs", 1, "replicas"), -1)
    new = put(old, ("spec", "suspend"), True)
    assert chain.update_document(new, old)["spec"]["suspend"] is True
    with pytest.raises(ApiError, match="should be greater than or equal to 0"):
        chain.update_document(put(stored, ("spec", "replicatedJobs", 1, "replicas"), -1), stored)


def test_an_updated_template_is_defaulted() -> None:
    """K-JOB-02: what an update leaves out is filled in as for a new Job, before anything is compared."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    made = admission().admit_create(codec.from_dict(put(JOB, ("spec",), {"template": {"spec": pod}})), EMPTY)
    assert isinstance(made, Job)
    template = replace(made.spec.template, spec=codec.convert(pod, PodSpec))
    bare = replace(made, spec=replace(made.spec, template=template))
    assert bare.spec.template != made.spec.template
    assert admission().admit_update(bare, made, EMPTY) == made


def test_a_jobset_comes_back_as_it_is_stored() -> None:
    made = admission().admit_manifest(JOBSET, EMPTY)
    assert isinstance(made, JobSet)
    assert codec.to_dict(made)["spec"]["network"] == JOBSET["spec"]["network"]
