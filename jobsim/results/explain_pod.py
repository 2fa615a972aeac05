"""Why a pod waits, why it is where it is, why it ended."""

from __future__ import annotations

from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY
from jobsim.api.meta import Condition, condition
from jobsim.api.pod import Pod
from jobsim.results.explain_facts import Facts, clock
from jobsim.results.explain_jobset import restart_lines
from jobsim.results.lives import PodLife
from jobsim.results.recorder import JobSetRecord
from jobsim.results.restarts import Restart

_RACK = "topology.jobsim/rack"


def explain_pod(facts: Facts) -> list[str]:
    """Tell a pod's story: whose it is, why it waits, why it is here, why it ended and what that led to."""
    pod = facts.subject
    assert isinstance(pod, Pod)
    life = facts.life(pod.namespace, pod.name)
    assert life is not None
    record = facts.jobset(pod.namespace, life.jobset)
    lines = [_head(pod, life), *_origin(life, record)]
    if facts.earlier:
        lines.append(f"  in its place before: {', '.join(facts.earlier)}")
    lines += _placement(facts, pod, life) if life.bound >= 0 else _waiting(facts, pod, life)
    lines += _running(life)
    lines += _ending(facts, pod, life, record)
    if record is not None:
        record.settle(facts.now)
    for restart in record.clock.records if record is not None else ():
        if restart.pod == life.name:
            lines += ["", f"what its loss led to: {restart_title(restart)}"]
            lines += restart_lines(restart, facts.now)
    return lines


def restart_title(restart: Restart) -> str:
    """Return ``restart 1 of the JobSet`` or ``a restart of Job x``."""
    if restart.kind == "jobset":
        return f"restart {restart.number} of the JobSet"
    if restart.kind == "in-place":
        return f"restart in place of the JobSet into attempt {restart.number}"
    return f"a restart of Job {restart.job}"


def _head(pod: Pod, life: PodLife) -> str:
    state: str = pod.status.phase or "Pending"
    if life.gone >= 0:
        state = f"gone since {clock(life.gone)}"
    elif pod.terminating:
        state = "terminating"
    return f"pod {pod.namespace}/{pod.name}: {state}"


def _origin(life: PodLife, record: JobSetRecord | None) -> list[str]:
    """Say who made it and why then."""
    if not life.job:
        return [f"  {clock(life.created)}: created, by nobody's Job"]
    place = f"index {life.index} of Job {life.job}" if life.index >= 0 else f"a pod of Job {life.job}"
    if record is None:
        return [f"  {clock(life.created)}: created as {place}"]
    why = "the start"
    for restart in record.clock.records:
        if restart.begin <= life.created and restart.kind in ("jobset", "job", "in-place"):
            why = restart_title(restart)
    return [f"  {clock(life.created)}: created as {place}, JobSet {life.jobset}; after {why}"]


def _waiting(facts: Facts, pod: Pod, life: PodLife) -> list[str]:
    """Say what keeps it from being bound."""
    over = next((t for t in (life.terminating, life.finished, life.gone) if t >= 0), facts.now)
    waited = clock(over - life.created)
    if pod.spec.scheduling_gates:
        gates = ", ".join(gate.name for gate in pod.spec.scheduling_gates)
        return [f"  pending for {waited}: held back by the scheduling gate {gates}"]
    message = facts.scheduling_message(life)
    if not message:
        return [f"  pending for {waited}: the scheduler has not looked at it yet"]
    lines = [f"  pending for {waited}: the scheduler finds no place for it"]
    lines.append(
        f"    since {clock(life.unschedulable if life.unschedulable >= 0 else life.created)}: {message}"
    )
    key = pod.metadata.annotations.get(EXCLUSIVE_TOPOLOGY)
    if key:
        lines.append(f"    its Job needs a {key} domain without any other Job's pods")
    if pod.spec.node_selector:
        wanted = ", ".join(f"{k}={v}" for k, v in pod.spec.node_selector.items())
        lines.append(f"    only nodes with {wanted} come into question")
    return lines


def _placement(facts: Facts, pod: Pod, life: PodLife) -> list[str]:
    """Say where it was bound and why there."""
    labels = facts.recorder.nodes.get(life.node, {})
    rack = labels.get(_RACK)
    waited = clock(life.bound - life.created)
    lines = [
        f"  {clock(life.bound)}: bound to node {life.node}{f' in {rack}' if rack else ''} after {waited}"
    ]
    note = facts.binding(pod)
    if note is not None and note.get("reason"):
        lines.append(f"    why here: {note['reason']}")
    key = pod.metadata.annotations.get(EXCLUSIVE_TOPOLOGY)
    if not key:
        return lines
    domain = labels.get(key, "")
    if life.index == 0:
        lines.append(f"    why here: it leads its Job, which has {key}={domain} to itself")
        return lines
    leader = None
    for other in facts.lives(pod.namespace, job=life.job):
        if other.index == 0 and 0 <= other.bound <= life.created:
            leader = other
    if leader is not None:
        lines.append(
            f"    why here: it follows its leader {leader.name}, "
            f"which took {key}={domain} at {clock(leader.bound)}"
        )
    return lines


def _running(life: PodLife) -> list[str]:
    lines = []
    if life.running >= 0:
        lines.append(
            f"  {clock(life.running)}: running, {clock(life.running - life.bound)} after it was bound"
        )
    if life.ready > life.running:
        lines.append(f"  {clock(life.ready)}: Ready")
    if life.restarts:
        times = "once" if life.restarts == 1 else f"{life.restarts} times"
        last = f", the last time at {clock(life.restarted)}" if life.restarted >= 0 else ""
        lines.append(f"    its containers were restarted {times}{last}")
    if life.held:
        over = len(life.held) % 2 == 0
        since = clock(life.held[-2 if over else -1])
        until = f"until {clock(life.held[-1])}" if over else "and still is"
        lines.append(
            f"  {since}: held back by its agent's barrier {until}; it announced attempt {life.in_place}"
        )
    return lines


def _ending(facts: Facts, pod: Pod, life: PodLife, record: JobSetRecord | None) -> list[str]:
    """Say why it was told to stop, or how it ended by itself."""
    lines = []
    told = life.terminating >= 0 and (life.finished < 0 or life.terminating <= life.finished)
    if told:
        disrupted = condition(pod.status.conditions, "DisruptionTarget")
        why = _disruption(disrupted) if disrupted is not None else _who_stopped(life, record, facts.now)
        lines.append(f"  {clock(life.terminating)}: told to stop: {why}")
    elif life.finished >= 0:
        how = life.outcome.lower()
        if life.outcome == "Failed":
            code = f" with exit code {life.exit_code}" if life.exit_code else ""
            how = f"failed{code}{f' ({life.reason})' if life.reason else ''}"
        lines.append(f"  {clock(life.finished)}: {how}")
        for row in facts.failures:
            if row["time"] == life.finished and row.get("entity") in (life.name, life.node):
                lines.append(f"    it was made to: failure {row.get('effect', '')} of {row['entity']}")
    if life.gone >= 0:
        lines.append(f"  {clock(life.gone)}: gone")
    return lines


def _disruption(disrupted: Condition) -> str:
    return f"{disrupted.reason}: {disrupted.message}" if disrupted.message else disrupted.reason


def _who_stopped(life: PodLife, record: JobSetRecord | None, now: int) -> str:
    """Find what was going on in its JobSet when it was told to stop."""
    if record is None:
        return "it was deleted"
    time = life.terminating
    for restart in record.clock.records:
        begin, detected, drained, decided, torn_down, *_ = restart.boundaries(now)
        if restart.kind not in ("jobset", "job"):
            continue
        if life.job == restart.job and begin <= time <= max(drained, detected):
            return f"Job {life.job} was failing and ends all its pods ({restart_title(restart)})"
        if decided <= time <= torn_down and life.attempt < restart.number:
            return f"{restart_title(restart)} replaces all Jobs"
    if 0 <= record.gang.finished <= time:
        state = record.jobset.status.terminal_state or "deleted"
        return f"the JobSet came to its end ({state}) and cleans up"
    suspended = False
    for since, type_, status in record.transitions:
        if type_ == "Suspended" and since <= time + 10**9:
            suspended = status == "True"
    return "the JobSet was suspended" if suspended else "it was deleted"
