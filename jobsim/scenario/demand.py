"""What manifests ask of nodes: one demand for each pod template.

Read from objects as written, before admission: what does not decode is skipped, since admission
will refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jobsim.api import codec, names, quantity
from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.jobset import (
    EXCLUSIVE_TOPOLOGY,
    NAMESPACED_JOB,
    NODE_SELECTOR_STRATEGY,
    JobSet,
    ReplicatedJob,
)
from jobsim.api.meta import Labels, Object
from jobsim.api.pod import Container, NodeSelector, NodeSelectorRequirement, Pod, PodAffinity, PodSpec
from jobsim.scenario.manifests import Manifest

HOSTNAME = "kubernetes.io/hostname"
#: Kueue's topology requests: their value is the node label that a level of the topology has.
TOPOLOGY_ANNOTATIONS = (
    "kueue.x-k8s.io/podset-required-topology",
    "kueue.x-k8s.io/podset-preferred-topology",
    "kueue.x-k8s.io/podset-slice-required-topology",
)


class Demand(Struct):
    """What the pods of one template need.

    Parameters
    ----------
    pods : int
        How many run at once, of all its Jobs.
    gang : int
        How many of them are one Job.
    amounts : mapping of str to int
        Requests of one pod in nano-units.
    labels : mapping of str to str
        What a node must carry.
    keys : tuple of str
        Topology keys that a node must have; the value is the node's domain.
    exclusive : str
        The key whose domains belong to one Job alone.
    apart : tuple of str
        Keys of which each pod needs a domain of its own.
    domains : int
        The fewest domains that a spread asks for.
    alone : bool
        Whether two of these pods cannot share a node (host ports).
    jobs : tuple of str
        With the node-selector strategy: ``<namespace>_<job>`` of each Job.
    """

    pods: int
    gang: int
    amounts: Mapping[str, int] = {}
    labels: Labels = {}
    keys: tuple[str, ...] = ()
    exclusive: str = ""
    apart: tuple[str, ...] = ()
    domains: int = 1
    alone: bool = False
    jobs: tuple[str, ...] = ()


def demands(manifests: Iterable[Manifest]) -> list[Demand]:
    """Return the demands of all workloads, in order."""
    found: list[Demand] = []
    for manifest in manifests:
        try:
            obj = codec.from_dict(manifest.data)
            found += map(_lawful, _of_object(obj))
        except (codec.DecodeError, ValueError, TypeError, AttributeError):
            continue
    return found


def _lawful(demand: Demand) -> Demand:
    """Return a demand without what no node may have: the API server says it of the object that asks."""

    def may_be(key: str, value: str = "") -> bool:
        if key == HOSTNAME and names.dns1123_subdomain_errors(value):
            return False
        return not (names.qualified_name_errors(key) or names.label_value_errors(value))

    return replace(
        demand,
        labels={key: value for key, value in demand.labels.items() if may_be(key, value)},
        keys=tuple(key for key in demand.keys if key == HOSTNAME or may_be(key)),
        jobs=tuple(job for job in demand.jobs if not names.label_value_errors(job)),
    )


def _of_object(obj: Object) -> Iterator[Demand]:
    match obj:
        case JobSet():
            for replicated in obj.spec.replicated_jobs:
                yield _of_replicated_job(obj, replicated)
        case Job():
            template = obj.spec.template
            at_once = _at_once(obj.spec)
            yield _of_spec(template.spec, template.metadata.annotations, at_once, at_once)
        case Pod():
            yield _of_spec(obj.spec, obj.metadata.annotations, 1, 1)


def _of_replicated_job(jobset: JobSet, replicated: ReplicatedJob) -> Demand:
    job = replicated.template
    pod = job.spec.template
    gang, replicas = _at_once(job.spec), max(replicated.replicas, 0)
    annotations = {**jobset.metadata.annotations, **job.metadata.annotations}
    demand = _of_spec(pod.spec, {**annotations, **pod.metadata.annotations}, gang * replicas, gang)
    key = annotations.get(EXCLUSIVE_TOPOLOGY, "")
    if not key:
        return demand
    jobs: tuple[str, ...] = ()
    if NODE_SELECTOR_STRATEGY in annotations:
        namespace = jobset.namespace or "default"
        jobs = tuple(f"{namespace}_{jobset.name}-{replicated.name}-{i}" for i in range(replicas))
    keys = tuple(dict.fromkeys((*demand.keys, key)))
    return replace(demand, exclusive=key, keys=keys, jobs=jobs)


def _at_once(spec: JobSpec) -> int:
    parallelism = 1 if spec.parallelism is None else max(spec.parallelism, 0)
    return parallelism if spec.completions is None else min(parallelism, max(spec.completions, 0))


def _of_spec(spec: PodSpec, annotations: Labels, pods: int, gang: int) -> Demand:
    labels = dict(spec.node_selector)
    affinity = spec.affinity
    if affinity is not None and affinity.node_affinity is not None:
        required = affinity.node_affinity.required_during_scheduling_ignored_during_execution
        labels |= _required_labels(required)
    if spec.node_name:
        labels[HOSTNAME] = spec.node_name
    labels.pop(NAMESPACED_JOB, None)
    together = _keys(affinity.pod_affinity if affinity else None)
    apart = _keys(affinity.pod_anti_affinity if affinity else None)
    spread = spec.topology_spread_constraints
    levels = [annotations[name] for name in TOPOLOGY_ANNOTATIONS if annotations.get(name)]
    keys = dict.fromkeys([*together, *apart, *(s.topology_key for s in spread), *levels])
    return Demand(
        pods=pods,
        gang=gang,
        amounts=_amounts(spec),
        labels=labels,
        keys=tuple(key for key in keys if key),
        apart=tuple(apart),
        domains=max([s.min_domains or 1 for s in spread], default=1),
        alone=any(
            port.host_port or (spec.host_network and port.container_port)
            for container in spec.containers
            for port in container.ports
        ),
    )


def _keys(affinity: PodAffinity | None) -> list[str]:
    if affinity is None:
        return []
    return [term.topology_key for term in affinity.required_during_scheduling_ignored_during_execution]


def _required_labels(selector: NodeSelector | None) -> dict[str, str]:
    """Return labels that meet the first of a selector's terms."""
    if selector is None or not selector.node_selector_terms:
        return {}
    term = selector.node_selector_terms[0]
    labels: dict[str, str] = {}
    for requirement in term.match_expressions:
        value = _value(requirement)
        if value is not None:
            labels.setdefault(requirement.key, value)
    for requirement in term.match_fields:
        if requirement.key == "metadata.name" and requirement.operator == "In" and requirement.values:
            labels[HOSTNAME] = requirement.values[0]
    return labels


def _value(requirement: NodeSelectorRequirement) -> str | None:
    """Return a label value that meets one requirement; None: the label had better be absent."""
    match requirement.operator, requirement.values:
        case "In", (first, *_):
            return first
        case "Exists", _:
            return "true"
        case "Gt", (bound,):
            return str(int(bound) + 1)
        case "Lt", (bound,):
            return str(int(bound) - 1)
    return None


def _amounts(spec: PodSpec) -> dict[str, int]:
    """Return a pod's requests; limits stand for requests that are not stated, as admission has it."""
    # Imported here: the scheduler's package may bring numpy, which reading a file does not need.
    from jobsim.controllers.scheduler.requests import CPU, request_of

    containers = tuple(_requesting(container) for container in spec.containers)
    init = tuple(_requesting(container) for container in spec.init_containers)
    pod = Pod(spec=replace(spec, containers=containers, init_containers=init))
    amounts = request_of(pod, quantity.parse).amounts
    return {name: n * (quantity.MILLI if name == CPU else quantity.NANO) for name, n in amounts}


def _requesting(container: Container) -> Container:
    resources = container.resources
    requests = {**resources.limits, **resources.requests}
    return replace(container, resources=replace(resources, requests=requests))
