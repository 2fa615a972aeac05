"""The tables of kubectl get, kind by kind: columns, words and ages as printers.go has them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobsim.api.meta import Object
from jobsim.results.printers import full_name, get, names, since
from jobsim.units import DAY, HOUR, MINUTE, SECOND
from tests.results.conftest import DELETED, NOW, RUNNING, at, end, made, status_of


def cells(obj: Object, *, wide: bool = False) -> dict[str, str]:
    """Return the one row of an object's table by its headers (cells of these tests hold single spaces)."""
    header, row = get([obj], NOW, wide=wide).splitlines()
    starts = [m.start() for m in re.finditer(r"(?:(?<=   )|^)\S", header)]
    spans = zip(starts, [*starts[1:], None], strict=True)
    return {header[a:b].strip(): row[a:b].strip() for a, b in spans}


def condition(type_: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status}]}


@pytest.mark.parametrize(
    ("status", "metadata", "word"),
    [
        ({}, {}, "Running"),
        (condition("Complete"), {}, "Complete"),
        (condition("Failed"), DELETED, "Failed"),
        (condition("SuccessCriteriaMet"), {}, "Running"),
        (condition("Suspended"), {}, "Suspended"),
        (condition("Suspended"), DELETED, "Terminating"),
        (condition("Suspended", "False"), {}, "Running"),
        (condition("FailureTarget"), {}, "FailureTarget"),
    ],
)
def test_job_status(status: dict[str, Any], metadata: dict[str, Any], word: str) -> None:
    assert cells(made("Job", "j", status=status, metadata=metadata))["STATUS"] == word


@pytest.mark.parametrize(
    ("spec", "status", "completions", "duration"),
    [
        ({"completions": 8, "parallelism": 4}, {"succeeded": 3, "startTime": at(3500)}, "3/8", "100s"),
        ({"parallelism": 4}, {}, "0/1 of 4", ""),
        ({"parallelism": 1}, {"startTime": at(0), "completionTime": at(605)}, "0/1", "10m"),
        ({}, {"succeeded": 1, "startTime": at(0), "completionTime": at(305)}, "1/1", "5m5s"),
    ],
)
def test_job_progress(spec: dict[str, Any], status: dict[str, Any], completions: str, duration: str) -> None:
    row = cells(made("Job", "j", spec=spec, status=status))
    assert (row["COMPLETIONS"], row["DURATION"], row["AGE"]) == (completions, duration, "30m")


ROWS: list[tuple[Object, dict[str, str]]] = [
    (
        made(
            "JobSet", "train", status={"restarts": 2, "terminalState": "Completed", **condition("Completed")}
        ),
        {"TERMINALSTATE": "Completed", "RESTARTS": "2", "COMPLETED": "True", "SUSPENDED": "", "AGE": "30m"},
    ),
    (
        made("JobSet", "new", spec={"suspend": True}),
        {"TERMINALSTATE": "", "RESTARTS": "", "COMPLETED": "", "SUSPENDED": "true", "AGE": "30m"},
    ),
    (
        made(
            "Job",
            "j",
            spec={
                "selector": {"matchLabels": {"b": "2", "a": "1"}},
                "template": {
                    "spec": {"containers": [{"name": "x", "image": "i"}, {"name": "y", "image": "k"}]}
                },
            },
        ),
        {"CONTAINERS": "x,y", "IMAGES": "i,k", "SELECTOR": "a=1,b=2"},
    ),
    (
        made(
            "Pod",
            "p",
            spec={"nodeName": "n1", "readinessGates": [{"conditionType": "G"}, {"conditionType": "H"}]},
            status={"podIPs": [{"ip": "10.0.0.7"}], "podIP": "10.0.0.7", **condition("G")},
        ),
        {"IP": "10.0.0.7", "NODE": "n1", "NOMINATED NODE": "<none>", "READINESS GATES": "1/2"},
    ),
    (
        made("Pod", "p", status={"nominatedNodeName": "n2"}),
        {"IP": "<none>", "NODE": "<none>", "NOMINATED NODE": "n2", "READINESS GATES": "<none>"},
    ),
    (
        made(
            "Pod",
            "p",
            spec={"containers": [{"name": "a"}]},
            status={"containerStatuses": [status_of("a", restarts=3, last=end(3300), **RUNNING)]},
        ),
        {"RESTARTS": "3 (5m ago)"},
    ),
    (
        made(
            "Node",
            "n",
            metadata={"labels": {"node-role.kubernetes.io/gpu": "", "kubernetes.io/role": "batch"}},
            spec={"unschedulable": True},
            status={
                **condition("Ready"),
                "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "x"},
                "addresses": [{"type": "InternalIP", "address": "10.1.0.1"}],
            },
        ),
        {
            "STATUS": "Ready,SchedulingDisabled",
            "ROLES": "batch,gpu",
            "VERSION": "v1.36.0",
            "INTERNAL-IP": "10.1.0.1",
            "EXTERNAL-IP": "<none>",
            "OS-IMAGE": "x",
            "KERNEL-VERSION": "<unknown>",
            "CONTAINER-RUNTIME": "<unknown>",
        },
    ),
    (made("Node", "n", status=condition("Ready", "Unknown")), {"STATUS": "NotReady", "ROLES": "<none>"}),
    (made("Node", "n"), {"STATUS": "Unknown", "VERSION": ""}),
    (
        made("Service", "s", spec={"type": "ClusterIP", "clusterIPs": ["None"], "selector": {"a": "b"}}),
        {
            "TYPE": "ClusterIP",
            "CLUSTER-IP": "None",
            "EXTERNAL-IP": "<none>",
            "PORT(S)": "<none>",
            "SELECTOR": "a=b",
        },
    ),
    (
        made(
            "Service",
            "s",
            spec={
                "type": "LoadBalancer",
                "ports": [
                    {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"port": 53, "protocol": "UDP"},
                ],
            },
        ),
        {"EXTERNAL-IP": "<pending>", "PORT(S)": "80:30080/TCP,53/UDP", "SELECTOR": "<none>"},
    ),
    (
        made("Service", "s", spec={"type": "ExternalName", "externalName": "db.example"}),
        {"CLUSTER-IP": "<none>", "EXTERNAL-IP": "db.example"},
    ),
    (
        made("PersistentVolumeClaim", "c", spec={"storageClassName": "fast"}, status={"phase": "Pending"}),
        {
            "STATUS": "Pending",
            "VOLUME": "",
            "CAPACITY": "",
            "ACCESS MODES": "",
            "STORAGECLASS": "fast",
            "VOLUMEATTRIBUTESCLASS": "<unset>",
            "VOLUMEMODE": "<unset>",
        },
    ),
    (
        made(
            "PersistentVolumeClaim",
            "c",
            metadata=DELETED,
            spec={"volumeName": "v", "volumeMode": "Filesystem"},
            status={
                "phase": "Bound",
                "capacity": {"storage": "1024Mi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            },
        ),
        {"STATUS": "Terminating", "VOLUME": "v", "CAPACITY": "1Gi", "ACCESS MODES": "RWO,RWX", "AGE": "30m"},
    ),
    (
        made("PriorityClass", "high", value=1000, globalDefault=True, preemptionPolicy="Never"),
        {"VALUE": "1000", "GLOBAL-DEFAULT": "true", "PREEMPTIONPOLICY": "Never"},
    ),
    (
        made("PodDisruptionBudget", "b", spec={"minAvailable": "50%"}, status={"disruptionsAllowed": 3}),
        {"MIN AVAILABLE": "50%", "MAX UNAVAILABLE": "N/A", "ALLOWED DISRUPTIONS": "3"},
    ),
    (
        made(
            "Event",
            "e.1",
            type="Warning",
            reason="FailedScheduling",
            message="0/4 nodes\nare available",
            involvedObject={"kind": "Pod", "name": "p", "fieldPath": "spec"},
            firstTimestamp=at(3000),
            lastTimestamp=at(3570),
            count=5,
            source={"component": "default-scheduler", "host": "n1"},
        ),
        {
            "LAST SEEN": "30s",
            "TYPE": "Warning",
            "REASON": "FailedScheduling",
            "OBJECT": "pod/p",
            "SUBOBJECT": "spec",
            "SOURCE": "default-scheduler, n1",
            "MESSAGE": "0/4 nodes...",
            "FIRST SEEN": "10m",
            "COUNT": "5",
            "NAME": "e.1",
        },
    ),
    (
        made(
            "Event", "e.2", involvedObject={"kind": "Node"}, eventTime=at(3595), reportingComponent="kubelet"
        ),
        {"LAST SEEN": "5s", "FIRST SEEN": "5s", "COUNT": "1", "SOURCE": "kubelet", "OBJECT": "node"},
    ),
    (made("ConfigMap", "c"), {"NAME": "c", "AGE": "30m"}),
]


@pytest.mark.parametrize(("obj", "expected"), ROWS)
def test_row(obj: Object, expected: dict[str, str]) -> None:
    """C-API-02 among them."""
    row = cells(obj, wide=True)
    assert {header: row[header] for header in expected} == expected


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("JobSet", "NAME TERMINALSTATE RESTARTS COMPLETED SUSPENDED AGE"),
        ("Job", "NAME STATUS COMPLETIONS DURATION AGE"),
        ("Pod", "NAME READY STATUS RESTARTS AGE"),
        ("Node", "NAME STATUS ROLES AGE VERSION"),
        ("Service", "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE"),
        (
            "PersistentVolumeClaim",
            "NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE",
        ),
        ("PriorityClass", "NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY"),
        ("PodDisruptionBudget", "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE"),
        ("Event", "LAST SEEN TYPE REASON OBJECT MESSAGE"),
        ("Secret", "NAME AGE"),
    ],
)
def test_narrow_columns(kind: str, header: str) -> None:
    assert get([made(kind, "x")], NOW).splitlines()[0].split() == header.split()


def test_wide_event_columns_stand_where_kubectl_has_them() -> None:
    header = get([made("Event", "x")], NOW, wide=True).splitlines()[0].split("   ")
    assert [h.strip() for h in header if h.strip()] == [
        *("LAST SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE"),
        *("FIRST SEEN", "COUNT", "NAME"),
    ]


def test_columns_are_three_spaces_apart_and_the_last_is_not_padded() -> None:
    text = get([made("Pod", "train-workers-0-0-xk2pp"), made("Pod", "b")], NOW)
    assert text == (
        "NAME                      READY   STATUS   RESTARTS   AGE\n"
        "train-workers-0-0-xk2pp   0/0              0          30m\n"
        "b                         0/0              0          30m\n"
    )


def test_several_kinds_get_a_table_each_and_full_names() -> None:
    text = get([made("Pod", "p"), made("Job", "j"), made("Job", "k")], NOW)
    assert text == (
        "NAME    READY   STATUS   RESTARTS   AGE\n"
        "pod/p   0/0              0          30m\n"
        "\n"
        "NAME          STATUS    COMPLETIONS   DURATION   AGE\n"
        "job.batch/j   Running   0/1                      30m\n"
        "job.batch/k   Running   0/1                      30m\n"
    )


def test_namespaces_come_first() -> None:
    text = get([made("ConfigMap", "c", metadata={"namespace": "ml"})], NOW, with_namespace=True)
    assert text == "NAMESPACE   NAME   AGE\nml          c      30m\n"


def test_a_kind_prefix_does_not_touch_events_without_a_name_column() -> None:
    event = made("Event", "e", type="Normal", involvedObject={"kind": "Pod", "name": "p"})
    assert "event/e" not in get([event], NOW, with_kind=True)
    assert "event/e" in get([event], NOW, with_kind=True, wide=True)


def test_nothing_prints_nothing() -> None:
    assert get([], NOW) == ""


def test_names() -> None:
    objects = [made("Pod", "p"), made("Job", "j"), made("JobSet", "s"), made("PriorityClass", "c")]
    expected = ["pod/p", "job.batch/j", "jobset.jobset.x-k8s.io/s", "priorityclass.scheduling.k8s.io/c"]
    assert names(objects).splitlines() == [full_name(o) for o in objects] == expected


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (None, "<unknown>"),
        (-2 * SECOND, "<invalid>"),
        (-SECOND, "0s"),
        (0, "0s"),
        (119 * SECOND, "119s"),
        (120 * SECOND, "2m"),
        (9 * MINUTE + 59 * SECOND, "9m59s"),
        (10 * MINUTE + 1, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (8 * HOUR + MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (7 * DAY + 23 * HOUR, "7d23h"),
        (8 * DAY + HOUR, "8d"),
        (729 * DAY, "729d"),
        (730 * DAY, "2y"),
        (731 * DAY, "2y1d"),
        (8 * 365 * DAY + DAY, "8y"),
    ],
)
def test_since(passed: int | None, text: str) -> None:
    assert since(None if passed is None else 0, passed or 0) == text
