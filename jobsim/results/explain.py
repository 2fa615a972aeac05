"""Explain: why an object is where it is, as a chain of causes with times; read from the log alone."""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.api.core import Node
from jobsim.api.kinds import find_kind
from jobsim.errors import InputError
from jobsim.results.explain_facts import Facts, clock
from jobsim.results.explain_jobset import explain_job, explain_jobset
from jobsim.results.explain_pod import explain_pod
from jobsim.results.log import Log, Row
from jobsim.results.log_fold import events
from jobsim.results.recorder import Recorder


def explain(
    source: Recorder | Log | Iterable[Row],
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    ended_at: int | None = None,
) -> str:
    """Return why an object is as it is: why pending, why here, why restarted, what it cost.

    Parameters
    ----------
    source : Recorder, Log or iterable of rows
    kind : str
        As kubectl takes it: ``pod``, ``po``, ``jobset``, ...
    name : str
        A pod's name may lack its random suffix; then the last pod of that name is meant.
    namespace : str, optional
        Default: any.
    ended_at : int, optional
        Virtual time when the run stopped, ns; default: the last row's.

    Raises
    ------
    InputError
        When there is no such object in the run, or its kind cannot be explained.
    """
    tellers = {"Pod": explain_pod, "Job": explain_job, "JobSet": explain_jobset, "Node": _explain_node}
    info = find_kind(kind)
    if info is None or info.kind not in tellers:
        allowed = ", ".join(word.lower() for word in tellers)
        raise InputError(f"{kind}/{name} cannot be explained (allowed kinds: {allowed})")
    facts = Facts(info.kind, name, namespace)
    if isinstance(source, Recorder):
        source = source.log
    for event, row in events(source.rows() if isinstance(source, Log) else source):
        if event is None:
            facts.note(row)
        else:
            facts.watch(event)
    if ended_at is not None:
        facts.now = ended_at
    if facts.subject is None and facts.planned_by() is None:
        where = f" in namespace {namespace}" if namespace else ""
        raise InputError(f'{info.plural} "{name}" not found{where}: it never was there in this run')
    return "\n".join(tellers[info.kind](facts)) + "\n"


def _explain_node(facts: Facts) -> list[str]:
    """Tell what happened to a node and which pods it has."""
    node = facts.subject
    assert isinstance(node, Node)
    lines = [f"node {node.name}{', deleted' if facts.gone else ''}"]
    if node.spec.unschedulable:
        lines.append("  is cordoned: no new pod is placed on it")
    for taint in node.spec.taints:
        lines.append(f"  has the taint {taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}")
    for condition in node.status.conditions:
        if condition.type == "Ready" and condition.status != "True":
            lines.append(f"  is not Ready: {condition.reason} {condition.message}".rstrip())
    for row in facts.failures:
        if row.get("entity") == node.name:
            lines.append(f"  {clock(row['time'])}: failure ({row.get('effect', 'unknown')})")
    held = [life for life in facts.recorder.pods if life.node == node.name]
    here = [life.name for life in held if life.gone < 0 and life.finished < 0]
    shown = ", ".join(here[:20]) + (", ..." if len(here) > 20 else "")
    lines.append(f"  pods that it has now: {shown or 'none'} ({len(held)} in the whole run)")
    return lines
