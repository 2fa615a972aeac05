"""Laws of Pods: their life, where they go, what the Job controller makes (K-POD-*, K-JOB-35..43, C-EXC-*)."""

from __future__ import annotations

from jobsim.api.batch import Job
from jobsim.api.core import Node
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY, NODE_SELECTOR_STRATEGY, PRIORITY
from jobsim.api.pod import Pod
from jobsim.api.quantity import parse
from jobsim.api.reader import Reader
from jobsim.apiserver.index import NODE, POD_JOB_KEY, owner_uid
from jobsim.controllers.exclusive_placement import is_leader
from jobsim.controllers.invariants_law import Law, Scene, finished, owner_job
from jobsim.controllers.job import indexes
from jobsim.controllers.job.constants import COMPLETION_INDEX, TRACKING_FINALIZER
from jobsim.controllers.scheduler.requests import CPU, request_of, round_up


def phase_final(old: Pod, new: Pod, scene: Scene) -> str:
    """A terminal phase stays (K-POD-01, K-POD-41)."""
    was, now = old.status.phase, new.status.phase
    return f"{was} became {now}" if old.terminal and now != was else ""


def restarts_only_grow(old: Pod, new: Pod, scene: Scene) -> str:
    """A container's restart count never falls (K-POD-30)."""
    was = {status.name: status.restart_count for status in old.status.container_statuses}
    fell = [s.name for s in new.status.container_statuses if s.restart_count < was.get(s.name, 0)]
    return f"restart counts of {fell} fell" if fell else ""


def node_final(old: Pod, new: Pod, scene: Scene) -> str:
    """A pod is bound once (K-POD-01)."""
    was, now = old.spec.node_name, new.spec.node_name
    return f"moved from {was} to {now!r}" if was and now != was else ""


def bound_freely(old: Pod, new: Pod, scene: Scene) -> str:
    """Neither gated nor terminating pods are bound (K-SCH-01, K-POD-01)."""
    if not _was_bound(old, new):
        return ""
    if old.terminating:
        return "was bound while being deleted"
    return "was bound in spite of its gates" if old.spec.scheduling_gates else ""


def bound_where_selected(old: Pod, new: Pod, scene: Scene) -> str:
    """The node has the labels that the pod selects: followers stay in their leader's domain (C-EXC-08)."""
    if not _was_bound(old, new) or not new.spec.node_selector:
        return ""
    node = scene.reader.get(Node, "", new.spec.node_name)
    if node is None:
        return ""
    missing = {k: v for k, v in new.spec.node_selector.items() if node.metadata.labels.get(k) != v}
    return f"selects {missing}, which node {node.name} does not have" if missing else ""


def bound_where_room_is(old: Pod, new: Pod, scene: Scene) -> str:
    """Live bound pods fit their node (K-SCH-10)."""
    if not _was_bound(old, new):
        return ""
    node = scene.reader.get(Node, "", new.spec.node_name)
    return "" if node is None else overfull(node, scene.reader)


def overfull(node: Node, reader: Reader) -> str:
    """Return which resource of a node its live pods exceed, or nothing."""
    used: dict[str, int] = {}
    count = 0
    for pod in reader.by_index(Pod, NODE, node.name):
        if not pod.terminal:
            count += 1
            for resource, amount in request_of(pod, parse).amounts:
                used[resource] = used.get(resource, 0) + amount
    room = node.status.allocatable
    if count > parse(room.get("pods", 0)) // parse(1):
        return f"{count} pods on node {node.name}"
    for resource, amount in used.items():
        limit = room.get(resource, 0)
        if amount > round_up(resource, parse(limit)):
            unit = "m" if resource == CPU else ""
            return f"{amount}{unit} of {limit} {resource} on node {node.name}"
    return ""


def domain_exclusive(old: Pod, new: Pod, scene: Scene) -> str:
    """Leaders of one priority have their topology domain alone (C-EXC-02, C-EXC-06, C-EXC-07)."""
    if not _was_bound(old, new) or not _is_exclusive(new) or not is_leader(new):
        return ""
    key = new.metadata.annotations[EXCLUSIVE_TOPOLOGY]
    domain = _domain(new, key, scene.reader)
    if domain is None:
        return ""
    labels = new.metadata.labels
    for node in scene.reader.list(Node):
        if node.metadata.labels.get(key) != domain:
            continue
        for other in scene.reader.by_index(Pod, NODE, node.name):
            if other.terminal or not _is_exclusive(other) or not is_leader(other):
                continue
            theirs = other.metadata.labels
            if theirs.get(JOB_KEY) != labels.get(JOB_KEY) and theirs.get(PRIORITY) == labels.get(PRIORITY):
                return f"shares {key}={domain} with leader {other.name}"
    return ""


def follower_beside_leader(old: None, pod: Pod, scene: Scene) -> str:
    """A follower is created for the domain of its bound leader only (C-EXC-08, C-EXC-14).

    Later the leader may move: then the pod reconciler evicts (C-PRC-06), or cannot (C-PRC-07).
    """
    if not _is_exclusive(pod) or is_leader(pod):
        return ""
    key = pod.metadata.annotations[EXCLUSIVE_TOPOLOGY]
    wanted = pod.spec.node_selector.get(key)
    if wanted is None:
        return f"does not select {key}"
    group = f"{pod.namespace}/{pod.metadata.labels.get(JOB_KEY, '')}"
    for other in scene.reader.by_index(Pod, POD_JOB_KEY, group):
        leads = is_leader(other) and owner_uid(other) == owner_uid(pod) and not other.terminating
        if leads and wanted == _domain(other, key, scene.reader):
            return ""
    return f"selects {key}={wanted}, where no leader is"


def pod_tracked(old: None, pod: Pod, scene: Scene) -> str:
    """A Job's pod is created with finalizer, name and index of its place (K-JOB-35, K-JOB-41)."""
    job = owner_job(pod, scene.reader)
    if job is None:
        return ""
    if TRACKING_FINALIZER not in pod.metadata.finalizers:
        return "lacks the tracking finalizer"
    if job.spec.completion_mode != "Indexed":
        return "" if COMPLETION_INDEX not in pod.metadata.annotations else "has an index"
    index = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    if not index.isdecimal() or pod.metadata.labels.get(COMPLETION_INDEX) != index:
        return f"has index {index!r}"
    prefix = f"{job.name}-{index}-"
    return "" if pod.name.startswith(prefix[:58]) else f"is not named {prefix}"


def index_needed(old: None, pod: Pod, scene: Scene) -> str:
    """No pod is created for an index that succeeded or failed (K-JOB-40, K-JOB-55)."""
    job = owner_job(pod, scene.reader)
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    if job is None or job.spec.completions is None or not text.isdecimal():
        return ""
    for name, found in (("completed", job.status.completed_indexes), ("failed", job.status.failed_indexes)):
        if found and indexes.contains(indexes.parse(found, job.spec.completions), int(text)):
            return f"was created for index {text}, which {name}"
    return ""


def index_free(old: None, pod: Pod, scene: Scene) -> str:
    """No pod is created for an index that has an active one (K-JOB-14, K-JOB-40).

    Where the answer to a creation is lost upstream makes another, and deletes one of them (K-JOB-37).
    """
    place = place_of(pod)
    other = None if place is None else scene.latest.get(place)
    twin = None if other is None else scene.reader.get(Pod, pod.namespace, other)
    if twin is None or twin.terminal or twin.terminating or twin.name == pod.name:
        return ""
    return f"was created beside {twin.name}"


def announced_when_let_go(old: Pod, pod: Pod, scene: Scene) -> str:
    """A pod that ended keeps the tracking finalizer until its Job's status knows of it (K-JOB-100).

    Not so where the Job had no use for it: it was to go, or its failures do not count, or it is one too many.
    """
    return "" if TRACKING_FINALIZER in pod.metadata.finalizers else announced_when_gone(old, pod, scene)


def announced_when_gone(old: Pod, pod: Pod, scene: Scene) -> str:
    """The same of a pod whose last finalizer it was, so that it went with it (K-JOB-100)."""
    if TRACKING_FINALIZER not in old.metadata.finalizers or not old.terminal:
        return ""
    job = owner_job(pod, scene.reader)
    if job is None or job.terminating or job.metadata.generation > 1 or finished(job) or job.spec.suspend:
        return ""
    uncounted = job.status.uncounted_terminated_pods
    if uncounted is not None and (pod.uid in uncounted.succeeded or pod.uid in uncounted.failed):
        return ""
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    if pod.status.phase == "Failed":
        known = job.spec.pod_failure_policy is not None
    else:
        found = job.status.completed_indexes
        known = text.isdecimal() and indexes.contains(
            indexes.parse(found, job.spec.completions or 0), int(text)
        )
    return "" if known else f"{pod.status.phase}, and was let go before it was announced"


def place_of(pod: Pod) -> tuple[str, str] | None:
    """Return the Job's UID and the index of an indexed pod."""
    ref, index = pod.controller(), pod.metadata.annotations.get(COMPLETION_INDEX)
    return None if ref is None or index is None or ref.kind != Job.KIND else (ref.uid, index)


def job_unfinished(old: None, pod: Pod, scene: Scene) -> str:
    """A finished Job creates no pods (K-JOB-20)."""
    job = owner_job(pod, scene.reader)
    return "was created for a finished Job" if job is not None and finished(job) else ""


def job_not_suspended(old: None, pod: Pod, scene: Scene) -> str:
    """No pod is created for a Job that is suspended and has said so (K-JOB-80, C-ENV-02).

    A sync that began before the suspension may still be creating; its status write then conflicts, so
    that the first status after the suspension comes from a sync that knows of it.
    """
    ref = pod.controller()
    return "was created for a suspended Job" if ref is not None and ref.uid in scene.idle else ""


def idle_after(old: Job | None, job: Job, was: bool) -> bool:
    """Tell whether a Job is suspended and has said so after a change (``Scene.idle``).

    Clearing startTime alone is what JobSet does before it resumes (C-SUS-06).
    """
    if not job.spec.suspend:
        return False
    if was or old is None or old.status is job.status or not old.spec.suspend:
        return was
    said = any(c.type == "Suspended" and c.status == "True" for c in job.status.conditions)
    return said and old.status.conditions != job.status.conditions


def _was_bound(old: Pod, new: Pod) -> bool:
    return not old.spec.node_name and bool(new.spec.node_name)


def _is_exclusive(pod: Pod) -> bool:
    """Tell whether the webhooks place a pod (C-EXC-05, C-EXC-13)."""
    annotations = pod.metadata.annotations
    if EXCLUSIVE_TOPOLOGY not in annotations or NODE_SELECTOR_STRATEGY in annotations:
        return False
    return JOB_KEY in pod.metadata.labels


def _domain(pod: Pod, key: str, reader: Reader) -> str | None:
    node = reader.get(Node, "", pod.spec.node_name) if pod.spec.node_name else None
    return None if node is None else node.metadata.labels.get(key)


LAWS: tuple[Law, ...] = (
    Law("phase-final", "K-POD-41", phase_final),
    Law("restarts-only-grow", "K-POD-30", restarts_only_grow),
    Law("node-final", "K-POD-01", node_final, "spec"),
    Law("bound-freely", "K-POD-01", bound_freely, "spec"),
    Law("bound-where-selected", "C-EXC-08", bound_where_selected, "spec"),
    Law("bound-where-room-is", "K-SCH-10", bound_where_room_is, "spec"),
    Law("domain-exclusive", "C-EXC-06", domain_exclusive, "spec"),
    Law("follower-beside-leader", "C-EXC-14", follower_beside_leader, "born"),
    Law("pod-tracked", "K-JOB-35", pod_tracked, "born"),
    Law("index-needed", "K-JOB-40", index_needed, "born"),
    Law("index-free", "K-JOB-40", index_free, "born", "honest"),
    Law("announced-when-let-go", "K-JOB-100", announced_when_let_go, "changed", "honest"),
    Law("announced-when-gone", "K-JOB-100", announced_when_gone, "gone", "honest"),
    Law("job-unfinished", "K-JOB-20", job_unfinished, "born"),
    Law("job-not-suspended", "K-JOB-80", job_not_suspended, "born", "calm"),
)
