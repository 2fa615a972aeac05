"""The ``truth`` of a run: what a Watcher saw, in the form of the recordings."""

from __future__ import annotations

from typing import Any

from jobsim.api import codec
from jobsim.api.core import Node
from jobsim.api.jobset import JOB_INDEX, JOB_RESTART_ATTEMPT, REPLICATED_JOB_NAME, RESTART_ATTEMPT
from jobsim.api.meta import Condition
from jobsim.api.reader import Reader
from jobsim.e2e.match import JOB_NAME
from jobsim.e2e.watcher import Conditions, SeenJob, SeenJobSet, Watcher, seconds

#: What is told of a Job's status.
_STATUS = ("active", "ready", "terminating", "succeeded", "failed", "completedIndexes", "failedIndexes")
_IN_PLACE = ("previousInPlaceRestartAttempt", "currentInPlaceRestartAttempt")


def truth_of(
    watcher: Watcher, reader: Reader, results: list[dict[str, Any]], topology_key: str = ""
) -> dict[str, Any]:
    """Return the truth of a run as a recording has it.

    Parameters
    ----------
    watcher : Watcher
    reader : Reader
        For the nodes' labels.
    results : list of dict
        What the API refused.
    topology_key : str
        The label of a topology domain; "" if placement is not asked for.
    """
    jobs = sorted(watcher.jobs.values(), key=lambda seen: seen.key)
    truth: dict[str, Any] = {
        "jobsets": {name: _jobset(watcher, seen) for name, seen in watcher.jobsets.items()},
        "jobs": [_job(watcher, seen) for seen in jobs],
        "pods": _pods(watcher),
        "events": _events(watcher),
        "results": results,
        "creationOrder": _creation_order(watcher),
        "timeline": watcher.timeline,
    }
    if topology_key:
        truth["placement"] = _placement(watcher, reader, topology_key)
    return truth


def _changes(watcher: Watcher, conditions: Conditions) -> list[dict[str, Any]]:
    return [{"t": seconds(time), **_condition(watcher, c)} for time, c in conditions.changes]


def _condition(watcher: Watcher, c: Condition) -> dict[str, str]:
    message = watcher.words(c.message)
    return {"type": c.type, "status": c.status, "reason": c.reason, "message": message}


def _jobset(watcher: Watcher, seen: SeenJobSet) -> dict[str, Any]:
    status = codec.to_data(seen.jobset.status)
    final = [_condition(watcher, c) for c in seen.jobset.status.conditions]
    return {
        "exists": seen.exists,
        "conditions": _changes(watcher, seen.conditions),
        "restarts": [
            {"t": seconds(time), "restarts": n, "restartsCountTowardsMax": counted}
            for time, n, counted in seen.restarts
        ],
        "terminalState": (seen.exists and status.get("terminalState")) or None,
        "replicatedJobsStatus": (status.get("replicatedJobsStatus") or None) if seen.exists else None,
        "finalConditions": final if seen.exists else [],
        **{key: status[key] for key in _IN_PLACE if key in status and seen.exists},
    }


def _job(watcher: Watcher, seen: SeenJob) -> dict[str, Any]:
    labels = seen.job.metadata.labels
    status = codec.to_data(seen.job.status)
    told = {
        "job": seen.key,
        "replicatedJob": labels.get(REPLICATED_JOB_NAME),
        "jobIndex": labels.get(JOB_INDEX),
        "restartAttempt": labels.get(RESTART_ATTEMPT),
        "createdSuspended": seen.created_suspended,
        "deleted": seen.deleted,
        "conditions": _changes(watcher, seen.conditions),
        "status": {key: status[key] for key in _STATUS if key in status},
        "podsCreated": seen.pods_created,
        "podsDeleted": seen.pods_deleted,
    }
    if JOB_RESTART_ATTEMPT in labels:
        told["jobRestartAttempt"] = labels[JOB_RESTART_ATTEMPT]
    return told


def _pods(watcher: Watcher) -> dict[str, Any]:
    living = watcher.living()
    phases: dict[str, int] = {}
    for seen in living:
        phase = seen.pod.status.phase or "Pending"
        phases[phase] = phases.get(phase, 0) + 1
    return {
        "created": len(watcher.pods),
        "deleted": len(watcher.pods) - len(living),
        "atEndByPhase": phases,
        "unscheduledAtEnd": sum(
            (s.pod.status.phase or "Pending") == "Pending" and not s.pod.spec.node_name for s in living
        ),
    }


def _events(watcher: Watcher) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for event in watcher.events:
        row = {
            "t": seconds(event.time),
            "type": event.type,
            "reason": event.reason,
            "note": event.note,
            "count": 1,
        }
        found.setdefault(event.about, []).append(row)
    return {about: found[about] for about in sorted(found)}


def _creation_order(watcher: Watcher) -> list[dict[str, Any]]:
    order: dict[tuple[str | None, str | None], None] = {}
    for seen in watcher.jobs.values():
        labels = seen.job.metadata.labels
        order[labels.get(RESTART_ATTEMPT), labels.get(REPLICATED_JOB_NAME)] = None
    return [{"restartAttempt": attempt, "replicatedJob": name} for attempt, name in order]


def _placement(watcher: Watcher, reader: Reader, key: str) -> dict[str, Any]:
    domains: dict[str, dict[str, None]] = {}
    for seen in watcher.living():
        node = reader.get(Node, "", seen.pod.spec.node_name)
        if node is not None:
            job = seen.pod.metadata.labels.get(JOB_NAME, "")
            domains.setdefault(job, {})[node.metadata.labels.get(key, "")] = None
    return {
        "domainsPerJob": {job: len(found) for job, found in sorted(domains.items())},
        "distinctDomains": len({domain for found in domains.values() for domain in found}),
        "jobsPlaced": len(domains),
    }
