"""From a checked Scenario to the runtime's Setup: same meaning, the runtime's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobsim import laws
from jobsim.api._struct import replace
from jobsim.api.timing import REAL
from jobsim.runtime.guard import wanted
from jobsim.runtime.setup import (
    CLIENT_LIMITS,
    Action,
    ClientLimits,
    Control,
    CrashFault,
    ErrorFault,
    Faults,
    Setup,
    StaleFault,
    Submission,
    WatchLag,
    When,
)
from jobsim.scenario import model
from jobsim.scenario.build_failures import Failures
from jobsim.scenario.exchanging import exchanging
from jobsim.scenario.fleet import Fleet, fleet_of
from jobsim.scenario.in_place import without_agent
from jobsim.scenario.load import Scenario
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.network import network_of, own_nodes
from jobsim.units import DAY, SECOND
from jobsim.workload.checkpoint import Checkpoint
from jobsim.workload.training import Workload

#: Without `until` a run ends when nothing is left to happen, and at the latest here.
UNTIL_MAX = 30 * DAY


def build(
    scenario: Scenario, *, strict: bool, check_invariants: bool | None, fleet: Fleet | None = None
) -> tuple[Setup, tuple[str, ...]]:
    """Return what the runtime needs, and the sentences that the user should read on stderr.

    Parameters
    ----------
    scenario : Scenario
    strict : bool
        What manifests refer to but no file contains is missing, as in a real cluster.
    check_invariants : bool or None
        Ask the laws of the cluster after every write; None: if $JOBSIM_CHECK_INVARIANTS is set.
    fleet : Fleet, optional
        The nodes, when they were made before.
    """
    nodes = fleet_of(scenario) if fleet is None else fleet
    limit = UNTIL_MAX if scenario.until is None else scenario.until
    failures = Failures(
        scenario, [*nodes.nodes, *own_nodes(m for m in scenario.manifests if not m.at)], limit
    )
    manifests = [m for m in scenario.manifests if strict or not _only_a_file(m)]
    setup = Setup(
        gates=scenario.gates,
        seed=scenario.seed,
        until=scenario.until,
        until_max=UNTIL_MAX,
        submissions=submissions(manifests),
        nodes=nodes.nodes,
        rules=scenario.pods,
        workloads=tuple(_workload(spec) for spec in scenario.workloads),
        network=network_of(scenario, nodes.nodes)
        if any(spec.on_network for spec in scenario.workloads)
        else None,
        exchanging=tuple(exchanging(spec) for spec in scenario.workloads if spec.on_network),
        actions=tuple(
            _action(spec, submissions(objects))
            for spec, objects in zip(scenario.actions, scenario.applied, strict=True)
        ),
        failures=tuple(failures.scripted),
        plans=tuple(failures.plans),
        traced=tuple(failures.traced),
        control=_control(scenario.control),
        faults=_faults(scenario.faults),
        strict=strict,
        check_invariants=wanted() if check_invariants is None else check_invariants,
    )
    left_out = dict.fromkeys(m.kind for m in scenario.manifests if not strict and _only_a_file(m))
    notes = [f"left out, because it has no name and so is no object: {kind}" for kind in left_out]
    if scenario.gates.in_place_restart:
        notes += without_agent(scenario.manifests)
    notes += [*_never_written(scenario), *_end_by_themselves(scenario)]
    return setup, (*scenario.notes, *notes, *failures.notes, *([nodes.note] if nodes.note else ()))


def _only_a_file(manifest: Manifest) -> bool:
    """Tell whether it is a tool's configuration that lies among manifests (kind, kustomize)."""
    return not manifest.simulated and not manifest.name


def submissions(manifests: Sequence[Manifest]) -> tuple[Submission, ...]:
    """Return manifests as documents to apply, in order of time and then of their files."""
    made = [Submission(at=m.at, doc=m.data, file=m.file, line=m.line) for m in manifests]
    return tuple(sorted(made, key=lambda submission: submission.at))


def _workload(spec: model.WorkloadSpec) -> Workload:
    # What the network adds is known when the gang has its place (runtime.network).
    step_ns = SECOND if isinstance(spec.step, model.StepModel) else max(1, round(laws.mean(spec.step)))
    return Workload(
        jobset=spec.match.jobset,
        namespace=spec.match.namespace,
        replicated_jobs=spec.match.replicated_jobs,
        step_ns=step_ns,
        steps=spec.steps or -(-spec.useful // step_ns),
        init=spec.init,
        levels=tuple(_levels(spec.checkpoint)),
        on_termination=spec.checkpoint is not None and spec.checkpoint.on_termination,
    )


def _never_written(scenario: Scenario) -> Iterator[str]:
    """Yield a sentence for each level of a checkpoint whose first write never comes."""
    for i, spec in enumerate(scenario.workloads):
        work = _workload(spec)
        ends = [ns for ns in (work.steps * work.step_ns, scenario.until) if ns]
        listed = 0 if spec.checkpoint is None else len(spec.checkpoint.levels)
        for level in range(len(work.levels)):
            if ends and work.interval_steps(level) * work.step_ns >= min(ends):
                where = f"checkpoint.levels[{level}]" if level < listed else "checkpoint"
                text = "every is as long as all there is to do: it is never written"
                yield f"workloads[{i}].{where}: {text}"


def _end_by_themselves(scenario: Scenario) -> Iterator[str]:
    """Yield a sentence for each workload whose pods know nothing of it."""
    for i, spec in enumerate(scenario.workloads):
        gang = spec.match
        if not any(
            rule.run == "workload"
            and rule.match.jobset in (None, gang.jobset)
            and (not gang.replicated_jobs or rule.match.replicated_job in (None, *gang.replicated_jobs))
            for rule in scenario.pods
        ):
            text = f"no pod of jobset {gang.jobset} has `run: workload` (in pods): they end"
            yield f"workloads[{i}]: {text} when their own time is over, and the training with them"


def _levels(spec: model.CheckpointSpec | None) -> Iterator[Checkpoint]:
    """Yield the levels of a checkpoint: those that it lists, and itself if it says how often."""
    if spec is None:
        return
    itself = [spec] if spec.every or spec.every_steps else []
    for level in (*spec.levels, *itself):
        yield Checkpoint(
            every_ns=level.every,
            every_steps=level.every_steps,
            write=level.write,
            load=level.load,
            mode=level.mode,
            persist=level.persist,
            survives=level.survives,
            name=level.name,
        )


def _action(spec: model.ActionSpec, docs: tuple[Submission, ...]) -> Action:
    target = spec.target or model.Target(kind="", name="")
    when = spec.when
    return Action(
        verb="json-patch" if spec.json is not None else spec.verb,
        kind=target.kind,
        namespace=spec.namespace,
        name=target.name,
        at=spec.at,
        when=None
        if when is None
        else When(jobset=when.jobset, condition=when.condition, namespace=when.namespace),
        after=spec.after,
        patch=list(spec.json) if spec.json is not None else spec.merge,
        status=spec.status,
        propagation=spec.propagation,
        grace_s=spec.grace_s,
        taints=spec.taints,
        docs=docs,
    )


def _faults(specs: Sequence[model.FaultSpec]) -> Faults:
    errors, stale, crashes = [], [], []
    for spec in specs:
        if isinstance(spec, model.ErrorFault):
            errors.append(_error(spec))
        elif isinstance(spec, model.StaleFault):
            stale.append(
                StaleFault(component=spec.component, kind=spec.kind, at=spec.at, duration=spec.duration)
            )
        else:
            crashes.append(
                CrashFault(component=spec.component, at=spec.at, after_write=spec.after_write, down=spec.down)
            )
    return Faults(errors=tuple(errors), stale=tuple(stale), crashes=tuple(crashes))


def _error(spec: model.ErrorFault) -> ErrorFault:
    on = spec.on
    return ErrorFault(
        error=spec.error,
        component=on.component,
        verb=on.verb,
        kind=on.kind,
        namespace=on.namespace,
        name=on.name,
        probability=spec.probability or 0.0,
        nth=spec.nth,
        applied=spec.applied,
    )


def _control(spec: model.ControlSpec) -> Control:
    limits = {}
    for name, given in spec.limits:
        known = CLIENT_LIMITS[name]
        qps = known.qps if given.qps is None else given.qps
        limits[name] = ClientLimits(qps=qps, burst=known.burst if given.burst is None else given.burst)
    timing = dict(spec.timing)
    if spec.node_monitor_grace_period is not None:
        timing.setdefault("node_monitor_grace_ns", spec.node_monitor_grace_period)
    return Control(
        watch_lag=tuple(
            WatchLag(law=lag.law, component=lag.component, kind=lag.kind) for lag in spec.watch_lag
        ),
        latency=spec.latency,
        limits=limits,
        pods_per_second=spec.pods_per_second,
        timing=replace(REAL, **timing),
        features=tuple(name for name, on in spec.feature_gates if on),
        controllers=dict(spec.controllers),
    )
