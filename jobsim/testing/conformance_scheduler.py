"""Recorded scheduling cycles: the form ``scheduler-cycle``.

Each case is a pod, nodes, placed pods and budgets, and what one cycle of the real scheduler came to; it is
put before the product's own ``cycle``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from jobsim.api.codec import DecodeError, convert, prune_nulls
from jobsim.api.core import Node, PodDisruptionBudget
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.cycle import Decision, cycle
from jobsim.controllers.scheduler.filters import NODE_AFFINITY, Rejection
from jobsim.controllers.scheduler.queued import gate_of
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.errors import InputError
from jobsim.testing.conformance_case import Case, Verdict, need

K = TypeVar("K", bound=Object)


def run_cycle(case: Case) -> Verdict:
    """Run a ``scheduler-cycle`` case: its pod, nodes, placed pods and budgets through one cycle.

    Raises
    ------
    InputError
        The case cannot be read.
    """
    pod = _object(case, need(case, "pod"), Pod)
    expected = dict(need(case, "expect"))
    if gate_of(pod):
        return Verdict(expected, {"gated": True})
    return Verdict(expected, _observed(cycle(snapshot_of(case), pod, detail=True), pod))


def snapshot_of(case: Case) -> Snapshot:
    """Return the snapshot that a case describes."""
    snapshot = Snapshot()
    for node in _objects(case, "nodes", Node):
        snapshot.add_node(node)
    for placed in _objects(case, "pods", Pod):
        if placed.spec.node_name and not placed.terminal:
            snapshot.add_pod(placed)
        elif not placed.spec.node_name:
            snapshot.nominate(placed, placed.status.nominated_node_name)
    for budget in _objects(case, "pdbs", PodDisruptionBudget):
        snapshot.budgets[budget.key] = budget
    return snapshot


def _objects(case: Case, key: str, kind: type[K]) -> Iterator[K]:
    return (_object(case, document, kind) for document in case.get(key) or ())


def _object(case: Case, document: object, kind: type[K]) -> K:
    """Return an object of a case; these are written without apiVersion and kind."""
    if not isinstance(document, Mapping):
        raise InputError(f"case {case.get('case', '?')}: an object is no mapping")
    body = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    try:
        return convert(prune_nulls(body), kind)
    except DecodeError as err:
        raise InputError(f"case {case.get('case', '?')}: {kind.KIND}: {err}") from None


def _observed(decision: Decision, pod: Pod) -> dict[str, Any]:
    seen: dict[str, Any] = {"feasible": sorted(decision.feasible_nodes)}
    if decision.rejected:
        seen["nodes"] = {name: _rejection(rejection) for name, rejection in decision.rejected.items()}
    if decision.node:
        seen["best"] = _best(decision)
        if decision.scores:
            seen["scores"] = {name: dict(scores) for name, scores in decision.scores.items()}
            seen["total"] = dict(decision.totals)
        return seen
    seen["reason"] = "Unschedulable"
    seen["message"] = decision.message
    if decision.nominated:
        seen["nominatedNodeName"] = decision.nominated
        # Those that leave already are told nothing more.
        victims = sorted(victim.metadata.name for victim in decision.victims if not victim.terminating)
        if victims:
            told = messages.preempting(pod.spec.scheduler_name)
            seen |= {"victims": victims, "victimCondition": f"DisruptionTarget/PreemptionByScheduler/{told}"}
    return seen


def _rejection(rejection: Rejection) -> dict[str, Any]:
    if rejection.reasons == (messages.excluded(NODE_AFFINITY),):
        return {"preFilterExcluded": True}
    code = "UnschedulableAndUnresolvable" if rejection.unresolvable else "Unschedulable"
    return {"plugin": rejection.plugin, "code": code, "reasons": list(rejection.reasons)}


def _best(decision: Decision) -> list[str]:
    """Return all nodes with the highest score."""
    if not decision.totals:
        return [decision.node]
    high = max(decision.totals.values())
    return sorted(name for name, total in decision.totals.items() if total == high)
