"""The summary of a run: plain data, the same as ``--output json`` prints (keys: design, section 5.4).

Times are seconds since the start, exact to the nanosecond: whole ones are ints, others the shortest decimal
that reads back to the same ns.  Nothing in it depends on the wall clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from jobsim.results.goodput import ettr
from jobsim.results.recorder import JobSetRecord, Recorder
from jobsim.results.restarts import Restart
from jobsim.units import HOUR, SECOND

Number = int | float


def exact_seconds(ns: int) -> Number:
    """Return ns as a JSON number of seconds: an int when whole.

    Examples
    --------
    >>> exact_seconds(2 * SECOND), exact_seconds(1_500_000_001)
    (2, 1.500000001)
    """
    whole, rest = divmod(ns, SECOND)
    return ns / SECOND if rest else whole


def summary(
    recorder: Recorder,
    *,
    seed: int,
    ended_at: int,
    writes_by: Mapping[str, int],
    refused_by: Mapping[str, int] = MappingProxyType({}),
    stop: str,
    stalls: Sequence[Mapping[str, Any]] = (),
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the summary of a run.

    Parameters
    ----------
    recorder : Recorder
    seed : int
    ended_at : int
        Virtual time when the run stopped, ns.
    writes_by : mapping
        Number of API writes that were carried out, by ``"verb resource"``.
    refused_by : mapping
        The same of those that were refused (Conflict, NotFound, a webhook's no, ...).
    stop : str
        Why the run ended.
    stalls : sequence of dict
        What waited in vain then: ``what``, ``name``, ``since`` (s), ``message``.
    warnings : sequence of str
        Said in front of those that were noted while the run went on.
    """
    by, refused = dict(sorted(writes_by.items())), dict(sorted(refused_by.items()))
    return {
        "seed": seed,
        "digest": recorder.digest,
        "simulatedSeconds": exact_seconds(ended_at),
        "stop": stop,
        "stalls": [dict(stall) for stall in stalls],
        "apiWrites": sum(by.values()),
        "writesBy": by,
        "apiWritesRefused": sum(refused.values()),
        "refusedBy": refused,
        "pods": recorder.counts.summary(),
        "jobsets": [_jobset(record, ended_at) for record in recorder.jobsets.values()],
        "warnings": [*warnings, *recorder.warnings],
    }


def _jobset(record: JobSetRecord, ended_at: int) -> dict[str, Any]:
    gang, status = record.gang, record.jobset.status
    record.settle(ended_at)
    accounts = record.ledger.total(ended_at)
    elapsed = record.ledger.elapsed(ended_at)
    finished = gang.finished if status.terminal_state else -1
    return {
        "namespace": gang.namespace,
        "name": gang.name,
        "terminalState": status.terminal_state,
        "restarts": status.restarts,
        "restartsCountTowardsMax": status.restarts_count_towards_max,
        "createdAt": exact_seconds(gang.created),
        "finishedAt": exact_seconds(finished) if finished >= 0 else None,
        "deleted": record.deleted,
        "conditions": _conditions(record),
        "ledger": {
            "elapsed_s": exact_seconds(elapsed),
            **{f"{account}_s": exact_seconds(ns) for account, ns in accounts.items()},
        },
        "ettr": ettr(accounts["useful"], elapsed),
        "reliability": reliability(record, elapsed),
        "restartBreakdown": [restart_row(restart, ended_at) for restart in record.clock.records],
    }


def reliability(record: JobSetRecord, elapsed: int) -> dict[str, Any]:
    """Return how often a JobSet was interrupted, for how long, and what each cause took.

    ``mtbf_s`` is elapsed time per interruption, ``mttr_s`` the mean time from the last step to the next;
    None without any.  Lost accelerator-hours count all that is not useful from a failure to the next step,
    with the step time that it undid.
    """
    losses, accelerators = record.ledger.losses, record.gang.accelerators
    count, back = losses.interruptions, losses.recoveries
    lost = sorted(losses.by_cause.items(), key=lambda item: (-item[1], item[0]))
    return {
        "interruptions": count,
        "mtbf_s": exact_seconds(round(elapsed / count)) if count else None,
        "mttr_s": exact_seconds(round(losses.down_ns / back)) if back else None,
        "accelerators": accelerators,
        "lostByCause_s": {cause: exact_seconds(ns) for cause, ns in lost},
        "lostAcceleratorHours": {cause: round(ns * accelerators / HOUR, 6) for cause, ns in lost},
        "degradedByCause_s": {
            cause: exact_seconds(ns) for cause, ns in sorted(losses.degraded.items()) if ns
        },
    }


def _conditions(record: JobSetRecord) -> list[dict[str, Any]]:
    """Return the conditions as they are last, in the order of first appearance."""
    by_type = {c.type: c for c in record.jobset.status.conditions}
    rows = []
    for type_ in record.condition_types():
        condition = by_type.get(type_)
        if condition is None:
            continue
        changed = condition.last_transition_time
        rows.append(
            {
                "type": type_,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "lastTransitionTime": None if changed is None else exact_seconds(changed),
            }
        )
    return rows


def restart_row(restart: Restart, now: int) -> dict[str, Any]:
    """Return one record of the restart breakdown as plain data."""
    instants = restart.boundaries(now)
    row: dict[str, Any] = {
        "kind": restart.kind,
        "number": restart.number,
        "outcome": restart.outcome,
        "at": exact_seconds(restart.begin),
        "total_s": exact_seconds(instants[-1] - restart.begin),
        **{f"{part}_s": exact_seconds(ns) for part, ns in restart.parts(now).items()},
    }
    blame = {
        "job": restart.job,
        "pod": restart.pod,
        "node": restart.node,
        "exitCode": restart.exit_code,
        "reason": restart.reason,
        "rule": restart.rule,
        "cause": restart.cause,
        "rework_s": exact_seconds(restart.rework_ns),
    }
    return row | {key: value for key, value in blame.items() if value}
