"""Disruptions: what the Eviction API allows, and the controller that keeps the budgets' counts.

The eviction handler reads a PodDisruptionBudget's status, takes one from ``disruptionsAllowed`` and
deletes; the controller computes that status from the pods, and resets a DisruptionTarget condition that
was not followed by a deletion within two minutes.

Source: pkg/registry/core/pod/storage/eviction.go; pkg/controller/disruption/disruption.go;
clause K-POD-45.
"""

from __future__ import annotations

from jobsim.api._struct import IntOrString, Struct, Time, replace
from jobsim.api.core import PodDisruptionBudget, PodDisruptionBudgetStatus
from jobsim.api.kinds import resource_of
from jobsim.api.meta import Condition, Object, OwnerReference, Unstructured, condition, is_true
from jobsim.api.plan import EventRecord, Plan, reference, single
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.reader import Reader
from jobsim.api.selectors import go_text, matches
from jobsim.api.timing import STALE_DISRUPTION_NS
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, Evict, PatchPodStatus, UpdateStatus, Write
from jobsim.errors import ApiError
from jobsim.units import floor_second, parse_rfc3339, rfc3339

_ALLOWED = "DisruptionAllowed"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_TOO_MANY_BUDGETS = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
)
#: Evictions that the controller has not yet confirmed, at most (eviction.go).
_UNCONFIRMED_MAX = 2000


# -- the Eviction API --------------------------------------------------------------------------------


def evict(write: Evict, reader: Reader, now: int) -> tuple[Write, ...]:
    """Return the writes that carry out an eviction, in order.

    Pods that run nothing (Pending, terminal) or are going already are deleted without asking a budget.

    Raises
    ------
    ApiError
        NotFound; TooManyRequests when the budget allows no disruption (its cause says why);
        Forbidden; InternalError when the pod has more than one budget.
    """
    pod = reader.get(Pod, write.namespace, write.name)
    if pod is None:
        raise ApiError("NotFound", f'pods "{write.name}" not found')
    writes: list[Write] = []
    if pod.status.phase == "Running" and not pod.terminating:
        budgets = budgets_of(pod, reader)
        if len(budgets) > 1:
            raise ApiError("InternalError", _TOO_MANY_BUDGETS)
        if budgets and not _spares_budget(pod, budgets[0]):
            writes.append(UpdateStatus(obj=_decrement(budgets[0], pod, now)))
    target = Condition(
        type="DisruptionTarget",
        status="True",
        reason="EvictionByEvictionAPI",
        message="Eviction API: evicting",
        last_transition_time=Time(floor_second(now)),
    )
    writes.append(_patch(pod, target))
    writes.append(
        Delete(kind="Pod", namespace=pod.namespace, name=pod.name, uid=pod.uid, grace_s=write.grace_s)
    )
    return tuple(writes)


def budgets_of(pod: Pod, reader: Reader) -> list[PodDisruptionBudget]:
    """Return the budgets that select a pod; an empty selector means every pod of the namespace."""
    return [b for b in reader.list(PodDisruptionBudget, pod.namespace) if _selects(b, pod)]


def _selects(budget: PodDisruptionBudget, pod: Pod) -> bool:
    return matches(budget.spec.selector, pod.metadata.labels)


def _spares_budget(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Tell whether a pod that is not ready may go without costing the budget anything."""
    if is_true(pod.status.conditions, "Ready"):
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


def _decrement(budget: PodDisruptionBudget, pod: Pod, now: int) -> PodDisruptionBudget:
    """Return a budget with one disruption taken, or raise."""
    status = budget.status
    if status.observed_generation < budget.metadata.generation:
        cause = f"The disruption budget {budget.name} is still being processed by the server."
        raise ApiError("TooManyRequests", _REFUSED, causes=(cause,))
    if status.disruptions_allowed < 0:
        raise _forbidden(budget, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > _UNCONFIRMED_MAX:
        raise _forbidden(
            budget, "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        )
    if status.disruptions_allowed == 0:
        raise ApiError("TooManyRequests", _REFUSED, causes=(_why_refused(budget),))
    left = status.disruptions_allowed - 1
    status = replace(
        status, disruptions_allowed=left, disrupted_pods={**status.disrupted_pods, pod.name: rfc3339(now)}
    )
    if left == 0:
        status = _with_allowed_condition(status, budget.metadata.generation, now)
    return replace(budget, status=status)


def _why_refused(budget: PodDisruptionBudget) -> str:
    status = budget.status
    allowed = condition(status.conditions, _ALLOWED)
    failed = allowed if allowed is not None and allowed.status == "False" and allowed.message else None
    prefix = f"The disruption budget {budget.name}"
    if failed is not None and failed.reason == "SyncFailed":
        return f"{prefix} does not allow evicting pods currently because it failed sync: {failed.message}"
    if status.current_healthy <= status.desired_healthy:
        return (
            f"{prefix} needs {status.desired_healthy} healthy pods and has {status.current_healthy} currently"
        )
    if failed is not None:
        return f"{prefix} does not allow evicting pods currently ({failed.reason}): {failed.message}"
    return f"{prefix} does not allow evicting pods currently"


def _forbidden(budget: PodDisruptionBudget, why: str) -> ApiError:
    text = f'poddisruptionbudget.policy "{budget.name}" is forbidden: {why}'
    return ApiError("Forbidden", text)


# -- the controller ------------------------------------------------------------------------------------


class Seen(Struct):
    """A budget with the pods it selects, or a pod whose DisruptionTarget may be stale."""

    budget: PodDisruptionBudget | None = None
    pods: tuple[Pod, ...] = ()
    owners: tuple[Object | None, ...] = ()


def wakes(event: WatchEvent, reader: Reader, stale_ns: int = STALE_DISRUPTION_NS) -> list[Wake]:
    """Return the budgets that a change concerns, and the pod when its DisruptionTarget may grow stale."""
    obj = event.obj
    if not isinstance(obj, Pod):
        return _budget_wakes(event, obj) if isinstance(obj, PodDisruptionBudget) else []
    woken = []
    if reader.count(PodDisruptionBudget) > 0:
        budgets = reader.list(PodDisruptionBudget, obj.metadata.namespace)
        woken = [_key(budget) for budget in budgets if _selects(budget, obj)]
    old = event.old
    news = event.type == "ADDED" or not isinstance(old, Pod) or old.status is not obj.status
    since = _disrupted_since(obj) if news and event.type != "DELETED" else None
    if since is not None:
        woken.append(replace(_key(obj), delay_ns=max(since + stale_ns - event.time, 0)))
    return woken


def _budget_wakes(event: WatchEvent, budget: PodDisruptionBudget) -> list[Wake]:
    old = event.old
    changed = not isinstance(old, PodDisruptionBudget) or old.spec != budget.spec
    return [_key(budget)] if changed and event.type != "DELETED" else []


def observe(reader: Reader, namespace: str, name: str) -> Seen | None:
    """Return what a decision about a key of ``wakes`` needs."""
    kind, _, own_name = name.partition("/")
    if kind == Pod.KIND:
        pod = reader.get(Pod, namespace, own_name)
        return None if pod is None else Seen(pods=(pod,))
    budget = reader.get(PodDisruptionBudget, namespace, own_name)
    if budget is None:
        return None
    pods = tuple(pod for pod in reader.list(Pod, namespace) if _selects(budget, pod))
    return Seen(budget=budget, pods=pods, owners=tuple(_owner(pod, reader) for pod in pods))


def reconcile(seen: Seen, now: int, stale_ns: int = STALE_DISRUPTION_NS) -> Plan:
    """Return the status of a budget, or the reset of a stale condition."""
    if seen.budget is None:
        return _reset_stale(seen.pods[0], now, stale_ns)
    budget = seen.budget
    notices = []
    if not seen.pods:
        notices.append(_event(budget, "Normal", "NoPods", "No matching pods found"))
    try:
        expected, desired = _expected(seen)
    except _Unknown as err:
        text = f"Failed to calculate the number of expected pods: {err}"
        notices.append(_event(budget, "Warning", "CalculateExpectedPodCountFailed", text))
        return _write(budget, _failed(budget.status, str(err), now), notices, None)
    by_share = budget.spec.max_unavailable is not None or isinstance(budget.spec.min_available, str)
    if by_share and any(pod.controller() is None for pod in seen.pods):
        notices.append(_event(budget, "Warning", "UnmanagedPods", _unmanaged(budget)))
    disrupted, recheck, overdue = _unconfirmed(seen, now)
    notices += overdue
    healthy = sum(
        1
        for pod in seen.pods
        if not pod.terminating and pod.name not in disrupted and is_true(pod.status.conditions, "Ready")
    )
    status = PodDisruptionBudgetStatus(
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted,
        disruptions_allowed=max(healthy - desired, 0) if expected > 0 else 0,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        conditions=budget.status.conditions,
    )
    status = _with_allowed_condition(status, budget.metadata.generation, now)
    return _write(budget, status, notices, recheck)


class _Unknown(Exception):
    """The number of pods that there should be cannot be told."""


def _expected(seen: Seen) -> tuple[int, int]:
    """Return how many pods there should be, and how many must be healthy."""
    assert seen.budget is not None
    spec = seen.budget.spec
    if spec.max_unavailable is not None:
        expected = _scale(seen)
        return expected, max(expected - _scaled(spec.max_unavailable, expected), 0)
    if spec.min_available is None:
        return 0, 0
    if isinstance(spec.min_available, int):
        return len(seen.pods), spec.min_available
    expected = _scale(seen)
    return expected, _scaled(spec.min_available, expected)


def _scale(seen: Seen) -> int:
    """Return the sum of the sizes of the pods' controllers; pods without one do not count."""
    sizes: dict[str, int] = {}
    for pod, owner in zip(seen.pods, seen.owners, strict=True):
        ref = pod.controller()
        if ref is None or ref.uid in sizes:
            continue
        replicas = owner.content.get("spec", {}).get("replicas") if isinstance(owner, Unstructured) else None
        if not isinstance(replicas, int):
            raise _Unknown(f"{_resource(ref)} does not implement the scale subresource")
        sizes[ref.uid] = replicas
    return sum(sizes.values())


def _resource(ref: OwnerReference) -> str:
    resource, group = resource_of(ref.kind), ref.api_version.rpartition("/")[0]
    return resource if "." in resource or not group else f"{resource}.{group}"


def _scaled(value: IntOrString, total: int) -> int:
    """Return a number, or a percentage of the total rounded up."""
    if isinstance(value, int):
        return value
    return -(-int(value.removesuffix("%")) * total // 100)


def _owner(pod: Pod, reader: Reader) -> Object | None:
    ref = pod.controller()
    return None if ref is None else reader.find(ref.kind, pod.namespace, ref.name)


def _unmanaged(budget: PodDisruptionBudget) -> str:
    """Return the words about pods that nobody scales: a share of how many, is the question."""
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {go_text(budget.spec.selector)}) were found "
        "to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may "
        'result in undefined behavior. To account for these pods please set ".spec.minAvailable" '
        "field of the PDB to an integer value."
    )


def _unconfirmed(seen: Seen, now: int) -> tuple[dict[str, str], int | None, list[EventRecord]]:
    """Return evicted pods whose deletion has not shown yet, when to give up on them, and on whom now."""
    assert seen.budget is not None
    overdue = []
    # Upstream prints the namespace twice.
    space = seen.budget.namespace
    kept: dict[str, str] = {}
    recheck: int | None = None
    for pod in seen.pods:
        when = seen.budget.status.disrupted_pods.get(pod.name)
        if when is None or pod.terminating:
            continue
        end = parse_rfc3339(str(when)) + STALE_DISRUPTION_NS
        if end >= now:
            kept[pod.name] = when
            recheck = end if recheck is None else min(recheck, end)
        else:
            text = f"Pod was expected by PDB {space}/{space} to be deleted but it wasn't"
            overdue.append(_event(pod, "Warning", "NotDeleted", text))
    # One second later, because at the very end it still counts.
    return kept, None if recheck is None else recheck - now + 1, overdue


def _failed(status: PodDisruptionBudgetStatus, why: str, now: int) -> PodDisruptionBudgetStatus:
    failed = Condition(
        type=_ALLOWED,
        status="False",
        reason="SyncFailed",
        message=why,
        observed_generation=status.observed_generation,
    )
    return replace(status, disruptions_allowed=0, conditions=_set(status.conditions, failed, now))


def _with_allowed_condition(
    status: PodDisruptionBudgetStatus, generation: int, now: int
) -> PodDisruptionBudgetStatus:
    enough = status.disruptions_allowed > 0
    new = Condition(
        type=_ALLOWED,
        status="True" if enough else "False",
        reason="SufficientPods" if enough else "InsufficientPods",
        observed_generation=generation,
    )
    return replace(status, conditions=_set(status.conditions, new, now))


def _set(conditions: tuple[Condition, ...], new: Condition, now: int) -> tuple[Condition, ...]:
    old = condition(conditions, new.type)
    if old is not None and old.status == new.status:
        new = replace(new, last_transition_time=old.last_transition_time)
    else:
        new = replace(new, last_transition_time=Time(floor_second(now)))
    return (*(c for c in conditions if c.type != new.type), new)


def _write(
    budget: PodDisruptionBudget,
    status: PodDisruptionBudgetStatus,
    notices: list[EventRecord],
    recheck_ns: int | None,
) -> Plan:
    update = UpdateStatus(obj=replace(budget, status=status)) if status != budget.status else None
    return Plan(status=update, notices=tuple(notices), requeue_after_ns=recheck_ns)


# -- stale conditions ----------------------------------------------------------------------------------


def _disrupted_since(pod: Pod) -> int | None:
    """Return since when a pod that is not going has a DisruptionTarget that a deletion should follow."""
    for target in pod.status.conditions:
        if target.type == "DisruptionTarget":
            break
    else:
        return None
    if pod.terminating or pod.terminal or target.status != "True" or target.reason == "TerminationByKubelet":
        return None
    return target.last_transition_time or 0


def _reset_stale(pod: Pod, now: int, stale_ns: int) -> Plan:
    since = _disrupted_since(pod)
    if since is None:
        return Plan()
    if since + stale_ns > now:
        return Plan(requeue_after_ns=since + stale_ns - now)
    reset = Condition(type="DisruptionTarget", status="False", last_transition_time=Time(floor_second(now)))
    return Plan(steps=(single(_patch(pod, reset), ignore=("NotFound",)),))


def _patch(pod: Pod, new: Condition) -> PatchPodStatus:
    return PatchPodStatus(
        kind="Pod",
        namespace=pod.namespace,
        name=pod.name,
        status=PodStatus(conditions=(new,)),
        uid=pod.uid,
    )


def _key(obj: Object) -> Wake:
    return Wake(namespace=obj.namespace, name=f"{obj.kind}/{obj.name}")


def _event(obj: Object, type_: str, reason: str, message: str) -> EventRecord:
    return EventRecord(about=reference(obj), type=type_, reason=reason, message=message)
