"""The tables of ``kubectl get``: columns, their order and habits, with ages from virtual time.

Source: kubernetes pkg/printers/internalversion printers.go (v1.36) and the printer columns of the
JobSet CRD @08dfbdfd.  Differs: nothing simulated sets a load balancer's address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from jobsim.api.batch import Job
from jobsim.api.core import Event, Namespace, Node, PodDisruptionBudget, PriorityClass, Service
from jobsim.api.jobset import NEW_STATUS, JobSet
from jobsim.api.meta import Labels, Object, condition, is_true
from jobsim.api.pod import Pod
from jobsim.api.quantity import canonical
from jobsim.api.selectors import format_selector
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.results.layout import table
from jobsim.results.pod_status import pod_ready, pod_restarts, pod_status
from jobsim.units import SECOND, format_duration

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"


class _Table(NamedTuple):
    """A kind's columns, a ``+`` before those of ``-o wide``, and the cells of one object."""

    header: str
    row: Callable[[Object, int], list[object]]


def get(
    objects: Sequence[Object],
    now: int,
    *,
    wide: bool = False,
    with_namespace: bool = False,
    with_kind: bool = False,
) -> str:
    """Return what ``kubectl get`` prints for these objects.

    Parameters
    ----------
    objects : sequence of Object
        In the order to print; each run of one kind gets a table, an empty line between two.
    now : int
        Virtual time that ages refer to, ns.
    wide : bool
        The columns of ``-o wide`` too.
    with_namespace : bool
        A first column with the namespace (``-A``).
    with_kind : bool
        Names as ``job.batch/x``; always so when there are several kinds, as in kubectl.
    """
    runs = [(kind, list(run)) for kind, run in groupby(objects, lambda obj: obj.kind)]
    prefixed = with_kind or len(runs) > 1
    return "\n".join(
        _one_kind(_TABLES.get(kind, _PLAIN), run, now, wide, with_namespace, prefixed) for kind, run in runs
    )


def _one_kind(
    kind: _Table, objects: Sequence[Object], now: int, wide: bool, with_namespace: bool, with_kind: bool
) -> str:
    columns = kind.header.split("|")
    shown = [i for i, column in enumerate(columns) if wide or not column.startswith("+")]
    named = next((i for i, column in enumerate(columns) if column.lstrip("+") == "NAME"), -1)
    rows = []
    for obj in objects:
        cells = kind.row(obj, now)
        if with_kind:
            cells[named] = full_name(obj)
        rows.append([obj.namespace] * with_namespace + [cells[i] for i in shown])
    return table(["NAMESPACE"] * with_namespace + [columns[i].lstrip("+") for i in shown], rows)


def full_name(obj: Object) -> str:
    """Return what ``-o name`` prints: ``pod/a``, ``job.batch/b``, ``jobset.jobset.x-k8s.io/c``."""
    group = obj.api_version.rpartition("/")[0]
    return f"{obj.kind.lower()}{'.' + group if group else ''}/{obj.name}"


def names(objects: Sequence[Object]) -> str:
    """Return what ``kubectl get -o name`` prints for these objects."""
    return "".join(full_name(obj) + "\n" for obj in objects)


def since(then: int | None, now: int) -> str:
    """Return the time that has passed as kubectl shows it; never set is ``<unknown>``."""
    if then is None:
        return UNKNOWN
    if now - then <= -2 * SECOND:
        return "<invalid>"
    return format_duration(max(0, now - then))


def format_labels(labels: Labels) -> str:
    """Return labels as ``a=1,b=2`` in the order of their keys."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or NONE


def job_status(job: Job) -> str:
    """Return the STATUS that kubectl shows for a Job."""
    for type_ in ("Complete", "Failed"):
        if is_true(job.status.conditions, type_):
            return type_
    if job.terminating:
        return "Terminating"
    for type_ in ("Suspended", "FailureTarget"):
        if is_true(job.status.conditions, type_):
            return type_
    return "Running"


def job_completions(job: Job) -> str:
    """Return the COMPLETIONS that kubectl shows for a Job (``3/8``, ``0/1 of 4``)."""
    if job.spec.completions is not None:
        return f"{job.status.succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{job.status.succeeded}/1" + (f" of {parallelism}" if parallelism > 1 else "")


def job_duration(job: Job, now: int) -> str:
    """Return the DURATION that kubectl shows: until completion, else until now; empty before the start."""
    if job.status.start_time is None:
        return ""
    end = now if job.status.completion_time is None else job.status.completion_time
    return since(job.status.start_time, end)


def node_status(node: Node) -> str:
    """Return the STATUS that kubectl shows for a Node."""
    ready = condition(node.status.conditions, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"]
    return ",".join(words + (["SchedulingDisabled"] if node.spec.unschedulable else []))


def node_roles(node: Node) -> str:
    """Return a Node's roles, from its role labels."""
    prefix = "node-role.kubernetes.io/"
    labels = node.metadata.labels
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    return ",".join(sorted((roles | {labels.get("kubernetes.io/role", "")}) - {""})) or NONE


def _age(obj: Object, now: int) -> str:
    return since(obj.metadata.creation_timestamp, now)


def _plain_row(obj: Object, now: int) -> list[object]:
    return [obj.name, _age(obj, now)]


def _jobset_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, JobSet)
    completed = condition(obj.status.conditions, "Completed")
    return [
        obj.name,
        obj.status.terminal_state,
        "" if obj.status is NEW_STATUS else obj.status.restarts,
        "" if completed is None else completed.status,
        "" if obj.spec.suspend is None else str(obj.spec.suspend).lower(),
        _age(obj, now),
    ]


def _job_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Job)
    containers = obj.spec.template.spec.containers
    return [
        obj.name,
        job_status(obj),
        job_completions(obj),
        job_duration(obj, now),
        _age(obj, now),
        ",".join(c.name for c in containers),
        ",".join(c.image for c in containers),
        format_selector(obj.spec.selector),
    ]


def _pod_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Pod)
    count, last = pod_restarts(obj)
    restarts = f"{count} ({since(last, now)} ago)" if count and last is not None else count
    gates = [gate["conditionType"] for gate in obj.spec.readiness_gates]
    met = sum(is_true(obj.status.conditions, gate) for gate in gates)
    return [
        obj.name,
        pod_ready(obj),
        pod_status(obj),
        restarts,
        _age(obj, now),
        obj.status.pod_ips[0]["ip"] if obj.status.pod_ips else obj.status.pod_ip or NONE,
        obj.spec.node_name or NONE,
        obj.status.nominated_node_name or NONE,
        f"{met}/{len(gates)}" if gates else NONE,
    ]


def _node_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Node)
    info = obj.status.node_info
    found = {str(a.get("type")): str(a.get("address")) for a in reversed(obj.status.addresses)}
    return [
        obj.name,
        node_status(obj),
        node_roles(obj),
        _age(obj, now),
        info.get("kubeletVersion", ""),
        found.get("InternalIP", NONE),
        found.get("ExternalIP", NONE),
        *(info.get(fact) or UNKNOWN for fact in ("osImage", "kernelVersion", "containerRuntimeVersion")),
    ]


def _service_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Service)
    spec = obj.spec
    outside = ",".join(spec.external_ips) or ("<pending>" if spec.type == "LoadBalancer" else NONE)
    ports = []
    for port in spec.ports:
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port', 0)}{node_port}/{port.get('protocol', 'TCP')}")
    return [
        obj.name,
        spec.type or "ClusterIP",
        (spec.cluster_ips or (spec.cluster_ip,))[0] or NONE,
        spec.external_name if spec.type == "ExternalName" else outside,
        ",".join(ports) or NONE,
        _age(obj, now),
        format_labels(obj.spec.selector),
    ]


_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _claim_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, PersistentVolumeClaim)
    bound = bool(obj.spec.volume_name)
    modes = [short for mode, short in _ACCESS_MODES.items() if mode in obj.status.access_modes]
    return [
        obj.name,
        "Terminating" if obj.terminating else obj.status.phase,
        obj.spec.volume_name,
        canonical(obj.status.capacity.get("storage", 0)) if bound else "",
        ",".join(modes) if bound else "",
        obj.metadata.annotations.get("volume.beta.kubernetes.io/storage-class", obj.spec.storage_class_name)
        or "",
        UNSET if obj.spec.volume_attributes_class_name is None else obj.spec.volume_attributes_class_name,
        _age(obj, now),
        UNSET if obj.spec.volume_mode is None else obj.spec.volume_mode,
    ]


def _priority_class_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, PriorityClass)
    default = str(obj.global_default).lower()
    return [obj.name, obj.value, default, _age(obj, now), obj.preemption_policy or ""]


def _namespace_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Namespace)
    return [obj.name, obj.status.phase, _age(obj, now)]


def _budget_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, PodDisruptionBudget)
    limits = [
        "N/A" if limit is None else limit for limit in (obj.spec.min_available, obj.spec.max_unavailable)
    ]
    return [obj.name, *limits, obj.status.disruptions_allowed, _age(obj, now)]


def event_times(event: Event) -> tuple[int | None, int | None]:
    """Return when an event was first and last seen."""
    first = event.event_time if event.first_timestamp is None else event.first_timestamp
    return first, first if event.last_timestamp is None else event.last_timestamp


def event_source(event: Event) -> str:
    """Return who reported an event: ``component, host``."""
    component = event.source.get("component") or event.reporting_component
    where = event.source.get("host") or event.reporting_instance
    return f"{component}, {where}" if where else component


def _event_row(obj: Object, now: int) -> list[object]:
    assert isinstance(obj, Event)
    about = obj.involved_object
    first, last = event_times(obj)
    return [
        since(last, now),
        obj.type,
        obj.reason,
        about.kind.lower() + (f"/{about.name}" if about.name else ""),
        about.field_path,
        event_source(obj),
        obj.message.strip(),
        since(first, now),
        obj.count or 1,
        obj.name,
    ]


_PLAIN = _Table("NAME|AGE", _plain_row)
_TABLES: Mapping[str, _Table] = {
    "JobSet": _Table("NAME|TERMINALSTATE|RESTARTS|COMPLETED|SUSPENDED|AGE", _jobset_row),
    "Job": _Table("NAME|STATUS|COMPLETIONS|DURATION|AGE|+CONTAINERS|+IMAGES|+SELECTOR", _job_row),
    "Pod": _Table("NAME|READY|STATUS|RESTARTS|AGE|+IP|+NODE|+NOMINATED NODE|+READINESS GATES", _pod_row),
    "Node": _Table(
        "NAME|STATUS|ROLES|AGE|VERSION"
        "|+INTERNAL-IP|+EXTERNAL-IP|+OS-IMAGE|+KERNEL-VERSION|+CONTAINER-RUNTIME",
        _node_row,
    ),
    "Service": _Table("NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE|+SELECTOR", _service_row),
    "PersistentVolumeClaim": _Table(
        "NAME|STATUS|VOLUME|CAPACITY|ACCESS MODES|STORAGECLASS|VOLUMEATTRIBUTESCLASS|AGE|+VOLUMEMODE",
        _claim_row,
    ),
    "PriorityClass": _Table("NAME|VALUE|GLOBAL-DEFAULT|AGE|PREEMPTIONPOLICY", _priority_class_row),
    "Namespace": _Table("NAME|STATUS|AGE", _namespace_row),
    "PodDisruptionBudget": _Table("NAME|MIN AVAILABLE|MAX UNAVAILABLE|ALLOWED DISRUPTIONS|AGE", _budget_row),
    "Event": _Table(
        "LAST SEEN|TYPE|REASON|OBJECT|+SUBOBJECT|+SOURCE|MESSAGE|+FIRST SEEN|+COUNT|+NAME", _event_row
    ),
}
