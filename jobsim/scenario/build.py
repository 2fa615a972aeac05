"""From a Scenario to the Setup of a run: the one place that knows both."""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import replace
from jobsim.api.core import Node
from jobsim.api.kinds import find_kind
from jobsim.runtime.setup import (
    CLIENT_LIMITS,
    Action,
    ClientLimits,
    Control,
    Failure,
    Setup,
    Submission,
    WatchLag,
    When,
)
from jobsim.scenario import model
from jobsim.scenario.load import Scenario
from jobsim.scenario.manifests import Manifest
from jobsim.units import SECOND
from jobsim.workload.laws import mean
from jobsim.workload.training import Checkpoint, Workload


def build(scenario: Scenario, nodes: Sequence[Node], *, strict: bool = False) -> Setup:
    """Return the Setup of a Scenario on given machines.

    Parameters
    ----------
    scenario : Scenario
    nodes : sequence of Node
        Of the fleet; Node manifests are submitted like all others.
    strict : bool
        Whether references to things that no manifest brings are errors, as in a real cluster.
    """
    return Setup(
        gates=scenario.gates,
        seed=scenario.seed,
        until=scenario.until,
        submissions=tuple(_submission(manifest) for manifest in scenario.manifests),
        nodes=tuple(nodes),
        rules=scenario.pods,
        workloads=tuple(_workload(spec) for spec in scenario.workloads),
        actions=tuple(
            _action(spec, applied) for spec, applied in zip(scenario.actions, scenario.applied, strict=True)
        ),
        failures=tuple(
            _failure(spec)
            for spec in scenario.failures
            if isinstance(spec, model.PodFailure | model.NodeFailure)
        ),
        control=_control(scenario.control),
        strict=strict,
    )


def _submission(manifest: Manifest) -> Submission:
    return Submission(at=manifest.at, doc=manifest.data, file=manifest.file, line=manifest.line)


def _workload(spec: model.WorkloadSpec) -> Workload:
    assert not isinstance(spec.step, model.StepModel), "not_yet refuses it"
    # Only sums over many steps are visible, so a step of random length has its mean.
    step_ns = max(1, round(mean(spec.step)))
    return Workload(
        jobset=spec.match.jobset,
        namespace=spec.match.namespace,
        replicated_jobs=spec.match.replicated_jobs,
        step_ns=step_ns,
        steps=spec.steps or -(-spec.useful // step_ns),
        init=spec.init,
        checkpoint=None if spec.checkpoint is None else _checkpoint(spec.checkpoint),
    )


def _checkpoint(spec: model.CheckpointSpec) -> Checkpoint:
    return Checkpoint(
        every_ns=spec.every,
        every_steps=spec.every_steps,
        write=spec.write,
        load=spec.load,
        mode=spec.mode,
        persist=spec.persist,
    )


def _action(spec: model.ActionSpec, applied: Sequence[Manifest]) -> Action:
    target = spec.target
    info = find_kind(target.kind) if target is not None else None
    when = spec.when
    kind = "" if target is None else target.kind if info is None else info.kind
    namespace = spec.namespace if info is None or info.namespaced else ""
    return Action(
        verb="json-patch" if spec.json is not None else spec.verb,
        kind=kind,
        namespace=namespace,
        name="" if target is None else target.name,
        at=spec.at,
        when=None
        if when is None
        else When(jobset=when.jobset, condition=when.condition, namespace=when.namespace),
        after=spec.after,
        patch=spec.merge if spec.json is None else [dict(step) for step in spec.json],
        status=spec.status,
        propagation=spec.propagation,
        taints=spec.taints,
        docs=tuple(_submission(manifest) for manifest in applied),
    )


def _failure(spec: model.PodFailure | model.NodeFailure) -> Failure:
    if isinstance(spec, model.PodFailure):
        return Failure(
            at=spec.at, pod=spec.pod, exit_code=spec.exit_code, reason=spec.reason, detect=spec.detect
        )
    assert spec.effect in ("crash", "lose", "drain"), "not_yet refuses other effects"
    return Failure(at=spec.at, node=spec.node, effect=spec.effect, repair=spec.repair, detect=spec.detect)


def _control(spec: model.ControlSpec) -> Control:
    limits: dict[str, ClientLimits] = {}
    for component, asked in spec.limits:
        known = CLIENT_LIMITS[component]
        limits[component] = ClientLimits(
            qps=known.qps if asked.qps is None else asked.qps,
            burst=known.burst if asked.burst is None else asked.burst,
        )
    control = Control(
        watch_lag=tuple(WatchLag(law=r.law, component=r.component, kind=r.kind) for r in spec.watch_lag),
        latency=spec.latency,
        limits=limits,
        pods_per_second=spec.pods_per_second,
        controllers=spec.controllers,
    )
    if spec.node_monitor_grace_period is not None:
        control = replace(control, node_monitor_grace_ns=spec.node_monitor_grace_period)
    assert control.node_monitor_grace_ns >= SECOND, "checked when the file is read"
    return control
