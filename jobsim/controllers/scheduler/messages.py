"""The scheduler's words: reasons, the condition's message, events (errata section 4).

Source: kubernetes pkg/scheduler/framework/types.go FitError; the plugins' ErrReason constants.
"""

from __future__ import annotations

from collections.abc import Mapping

UNSCHEDULABLE_NODE = "node(s) were unschedulable"
TAINTED = "node(s) had untolerated taint(s)"
UNSELECTED = "node(s) didn't match Pod's node affinity/selector"
AFFINITY_CONFLICT = "pod affinity terms conflict"
PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports"
TOO_MANY_PODS = "Too many pods"
SPREAD_MISSING = "node(s) didn't match pod topology spread constraints (missing required label)"
SPREAD_SKEW = "node(s) didn't match pod topology spread constraints"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"

NO_NODES = "no nodes available to schedule pods"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NEVER = "not eligible due to preemptionPolicy=Never."
VICTIMS_LEAVING = "not eligible due to a terminating pod on the nominated node."

#: The longest event text; the rest becomes " ...".
NOTE_MAX = 1024


def insufficient(resource: str) -> str:
    """Return the reason for too little of a resource."""
    return f"Insufficient {resource}"


def excluded(plugin: str) -> str:
    """Return the reason for nodes that a PreFilter left out."""
    return f"node(s) didn't satisfy plugin(s) [{plugin}]"


def fit_error(nodes: int, reasons: Mapping[str, int], *, pre_filter: str = "", post_filter: str = "") -> str:
    """Return ``0/N nodes are available: ...``.

    Parameters
    ----------
    reasons : mapping
        How many nodes were rejected for each reason; printed sorted as strings ("10 b" before "2 a").

    Examples
    --------
    >>> fit_error(3, {"Insufficient cpu": 2, "Insufficient memory": 1})
    '0/3 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.'
    """
    text = f"0/{nodes} nodes are available:"
    if pre_filter:
        text += f" {pre_filter}."
    elif reasons:
        text += " " + ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items())) + "."
    return f"{text} {post_filter}" if post_filter else text


def post_filter(preemption: str) -> str:
    """Return the post filter text: DynamicResources speaks first, then preemption."""
    return f"no new claims to deallocate, preemption: {preemption}"


def shortened(note: str) -> str:
    """Return an event's text cut to what an Event may carry.

    Source: kubernetes pkg/scheduler/schedule_one.go truncateMessage.
    """
    return note if len(note) <= NOTE_MAX else note[: NOTE_MAX - 4] + " ..."


def preempting(scheduler_name: str) -> str:
    """Return the message of a victim's DisruptionTarget condition."""
    return f"{scheduler_name}: preempting to accommodate a higher priority pod"


SCHEDULING_GATED = "Scheduling is blocked due to non-empty scheduling gates"


def assigned(namespace: str, name: str, node: str) -> str:
    """Return the text of the event Scheduled."""
    return f"Successfully assigned {namespace}/{name} to {node}"


def preempted_by(uid: str, node: str) -> str:
    """Return the text of the event Preempted, about a victim."""
    return f"Preempted by pod {uid} on node {node}"


def skips_deleting(namespace: str, name: str) -> str:
    """Return the text of the event FailedScheduling for a pod that is being deleted."""
    return f"skip schedule deleting pod: {namespace}/{name}"
