"""Section ``failures`` in the words of the runtime: scripted faults, plans, rows of traces."""

from __future__ import annotations

from collections.abc import Sequence

from jobsim import laws
from jobsim.api import devices
from jobsim.api.core import Node
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.failures import places, plans
from jobsim.hardware.failures.places import Machine
from jobsim.hardware.failures.plans import Fault
from jobsim.runtime.setup import Failure
from jobsim.scenario import model
from jobsim.scenario.check import path_text
from jobsim.scenario.load import Scenario
from jobsim.scenario.traces import TraceError, unknown_entities

#: More failures than this would take hours to run: a typing error, most likely.
MOST_FAILURES = 10_000_000


class Failures:
    """What a Scenario's failures become.

    Parameters
    ----------
    scenario : Scenario
    nodes : sequence of Node
        Of the fleet, and among the manifests.
    limit : int
        The longest that the run can be, ns.

    Raises
    ------
    InputErrors
        When a trace names nodes that are not there, or a plan means more failures than anybody waits for.
    """

    def __init__(self, scenario: Scenario, nodes: Sequence[Node], limit: int) -> None:
        self.scripted: list[Failure] = []
        self.plans: list[plans.Plan] = []
        self.traced: list[plans.TracedFault] = []
        self.notes: list[str] = []
        self._scenario = scenario
        self._limit = limit
        self._errors: list[InputError] = []
        self._keys: dict[str, int] = {}
        self._sends = any(workload.on_network for workload in scenario.workloads)
        self._machines = [
            Machine(node.name, node.metadata.labels, devices.accelerators(node.status.capacity))
            for node in nodes
        ]
        for i, spec in enumerate(scenario.failures):
            self._add(i, spec)
        if self._errors:
            raise InputErrors(self._errors)

    def _add(self, i: int, spec: model.FailureSpec) -> None:
        if getattr(spec, "effect", "") == "degrade-link" and not self._sends:
            path = path_text(("failures", i))
            text = "a slow link, but no workload says what it sends (collectives, or a model): no step waits"
            self.notes.append(f"{path}: {text}")
        match spec:
            case model.PodFailure():
                fault = _fault(spec, "pod-fails", exit_code=spec.exit_code, reason=spec.reason)
                self.scripted.append(Failure(at=spec.at, pod=spec.pod, fault=fault))
            case model.NodeFailure():
                fault = _fault(spec, spec.effect, factor=spec.factor, repair=spec.repair)
                self.scripted.append(Failure(at=spec.at, node=spec.node, fault=fault))
            case model.FailureProcess():
                self._process(i, spec)
            case model.FailureTrace():
                self._trace(i, spec)
            case model.Maintenance(maintenance=plan):
                self._within(i, "maintenance", plan.every)
                self._few(i, "maintenance", 1, plan.every)
                most = len(places.in_pool(self._machines, plan.pool))
                if plan.nodes > most > 0:
                    self._error(i, "maintenance", f"nodes: {plan.nodes} at a time (at most {most}: the pool)")
                key = self._key(f"maintenance/{plan.pool}")
                self.plans.append(
                    plans.Maintenance(
                        key=key,
                        every=plan.every,
                        duration=plan.duration,
                        nodes=plan.nodes,
                        notice=plan.notice,
                        pool=plan.pool,
                    )
                )
            case model.Spot(spot=wish):
                key = self._key(f"spot/{wish.pool}")
                self.plans.append(
                    plans.Spot(
                        key=key,
                        pool=wish.pool,
                        law=wish.law,
                        share=wish.share,
                        notice=wish.notice,
                        back=wish.back,
                    )
                )
                self._few(i, "spot", 1, laws.mean(wish.law))
            case model.Stragglers(stragglers=slow):
                self.plans.append(plans.Stragglers(share=slow.share, factor=slow.factor, pool=slow.pool))

    def _key(self, name: str) -> str:
        """Return a name for streams: what it is about, and which of several about the same."""
        self._keys[name] = number = self._keys.get(name, 0) + 1
        return name if number == 1 else f"{name}#{number}"

    def _process(self, i: int, spec: model.FailureProcess) -> None:
        per = spec.domain or spec.per
        cause = spec.component or spec.domain
        lemons = spec.lemons or model.LemonPlan(share=0.0, factor=1.0)
        self.plans.append(
            plans.Process(
                key=self._key(f"{cause}/{per}/{spec.pool}"),
                per=per,
                law=spec.law,
                clock=spec.clock,
                pool=spec.pool,
                lemon_share=lemons.share,
                lemon_factor=lemons.factor,
                fault=_fault(
                    spec,
                    spec.effect,
                    cause=cause,
                    factor=spec.factor,
                    exit_code=spec.exit_code,
                    repair=spec.repair,
                ),
            )
        )
        entities = places.entities(per, places.in_pool(self._machines, spec.pool))
        lasts = laws.mean(spec.law) + (0 if spec.repair is None else laws.mean(spec.repair))
        boost = 1 + lemons.share * max(0.0, lemons.factor - 1)
        self._few(i, "component" if spec.component else "domain", len(entities) * boost, lasts)

    def _few(self, i: int, key: str, entities: float, every_ns: float) -> None:
        """Refuse a plan that would fill the run with failures."""
        count = entities * self._limit / every_ns
        if count > MOST_FAILURES:
            days = self._limit / 86400e9
            text = f"means about {count:.1g} failures in {days:g} days (at most {MOST_FAILURES:.0e})"
            self._error(i, key, text)

    def _within(self, i: int, key: str, every: int) -> None:
        if self._scenario.until is not None and every > self._limit:
            path = path_text(("failures", i, key))
            self.notes.append(f"{path} never happens: the run ends before its first time")

    def _error(self, i: int, key: str, text: str) -> None:
        path = ("failures", i, key)
        scenario = self._scenario
        self._errors.append(
            InputError(text, file=scenario.file, line=scenario.line_of(path), path=path_text(path))
        )

    def _trace(self, i: int, spec: model.FailureTrace) -> None:
        machines = self._machines
        names = {name for m in machines for name in (m.name, *_domains(m))}
        wrong = unknown_entities(spec.rows, names.__contains__, len(machines))
        if wrong:
            allowed = "as many and such as the fleet has"
            for text in TraceError(*[f"{spec.trace}:{found} ({allowed})" for found in wrong]).texts:
                self._error(i, "trace", text)
            return
        for row in spec.rows:
            fault = _fault(spec, row.effect, cause=row.cause or "trace", factor=row.factor)
            self.traced.append(plans.TracedFault(at=row.at, entity=row.entity, fault=fault, until=row.until))


def _domains(machine: Machine) -> list[str]:
    return [machine.labels[label] for label in places.DOMAINS.values() if label in machine.labels]


def _fault(
    spec: model.FailureBase,
    effect: plans.Effect,
    *,
    cause: str = "scripted",
    factor: float = 1.0,
    exit_code: int = 1,
    reason: str = "",
    repair: laws.Law | None = None,
) -> Fault:
    return Fault(
        effect=effect,
        cause=cause,
        factor=factor,
        exit_code=exit_code,
        reason=reason,
        detect=spec.detect,
        repair=repair,
        in_place=spec.in_place,
    )
