"""Hazards: what breaks by chance or by calendar, in time (``hardware.failures`` says when).

One timer stands for all of them, set for the earliest.  They are the background of a run: a run does not
go on only because something could still break, or be repaired, when nobody is left to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Any

from jobsim.api import devices
from jobsim.api.core import Node
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.store import Store
from jobsim.errors import InputError
from jobsim.hardware.failures import places, plans
from jobsim.hardware.failures.places import Entity, Machine
from jobsim.hardware.failures.plans import Fault
from jobsim.hardware.failures.renewal import Renewals, StandsStillError
from jobsim.laws import quantile
from jobsim.rng import uniform
from jobsim.runtime.engine import Engine, Timer
from jobsim.runtime.outages import Outage
from jobsim.runtime.strikes import Hit, Strikes

_NEVER = 2**63


class Hazards:
    """All plans of failures of a run.

    Parameters
    ----------
    engine, store, strikes, seed :
    warn : callable
        Takes what the user should know.
    """

    def __init__(
        self, engine: Engine, store: Store, strikes: Strikes, seed: int, warn: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._store = store
        self._strikes = strikes
        self._seed = seed
        self._warn = warn
        self._renewals: list[Renewals] = []
        #: What is to come beside renewals: (time, number, callback, arguments).
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = 0
        #: Of the agenda: what may bring something back.
        self._healing = 0
        self._timer: Timer | None = None
        self._exposing: dict[str, list[tuple[Renewals, int]]] = {}
        self._runs_on: dict[str, str] = {}
        self._stragglers: list[plans.Stragglers] = []
        #: All machines that ever came, and of them each pool that plans name, as they came.
        self._machines: dict[str, Machine] = {}
        self._pools: dict[str, list[Machine]] = {}

    # -- what is to come -----------------------------------------------------------------------

    def next(self) -> int | None:
        """Return when the next of them happens, or None."""
        due = self._agenda[0][0] if self._agenda else _NEVER
        for renewals in self._renewals:
            due = min(due, _NEVER if (time := renewals.due()) is None else time)
        return None if due == _NEVER else due

    def hopeful(self) -> bool:
        """Tell whether something may get better by itself."""
        return self._healing > 0

    def start(self, wanted: Sequence[plans.Plan], traced: Sequence[plans.TracedFault]) -> None:
        """Take in the plans, for the nodes that are there now and those that come later."""
        if not wanted and not traced:
            return
        self._machines = {node.name: _machine(node) for node in self._store.list(Node)}
        self._store.subscribe(self._hear_node, ("Node",))
        if any(isinstance(plan, plans.Process) and plan.clock == "exposure" for plan in wanted):
            self._store.subscribe(self._hear, ("Pod",))
        for plan in wanted:
            machines = self._pool(plan.pool)
            match plan:
                case plans.Process():
                    self._start_process(plan, machines)
                case plans.Maintenance():
                    self._plan(plan.every, self._maintain, plan, machines, 0)
                case plans.Spot():
                    self._plan_spot(plan, machines, 0)
                case plans.Stragglers():
                    self._stragglers.append(plan)
                    self._slow_down(plan, machines)
        for number, row in enumerate(traced):
            self._plan(row.at, self._replay, row, number, self._pool(""))
        self._arm()

    def _pool(self, name: str) -> list[Machine]:
        """Return the machines of a pool: a list that grows when more come."""
        if name not in self._pools:
            self._pools[name] = places.in_pool(self._machines.values(), name)
        return self._pools[name]

    def _start_process(self, plan: plans.Process, machines: list[Machine]) -> None:
        entities = places.entities(plan.per, machines)
        if not entities:
            self._warn(
                f"failures of {plan.fault.cause} never happen: the fleet has no {plan.per} (until it has)"
            )
        renewals = Renewals(self._seed, plan, entities)
        self._renewals.append(renewals)
        for i, entity in enumerate(entities):
            self._expose(renewals, i, entity)

    def _expose(self, renewals: Renewals, i: int, entity: Entity) -> None:
        """Let an exposure clock hear of the pods on some nodes."""
        if renewals.process.clock == "exposure":
            for node in entity.nodes:
                self._exposing.setdefault(node, []).append((renewals, i))

    def _hear_node(self, event: WatchEvent) -> None:
        """Let what can fail at a node that is new fail from now on; one that comes back is known."""
        node = event.obj
        assert isinstance(node, Node)
        if event.type != "ADDED" or node.name in self._machines:
            return
        machine = self._machines[node.name] = _machine(node)
        for pool, machines in self._pools.items():
            machines += places.in_pool([machine], pool)
        for renewals in self._renewals:
            plan = renewals.process
            for entity in places.entities(plan.per, places.in_pool([machine], plan.pool)):
                self._expose(renewals, renewals.join(entity, self._engine.now), entity)
        for straggling in self._stragglers:
            self._slow_down(straggling, places.in_pool([machine], straggling.pool))
        self._arm()

    def _plan(self, time: int, callback: Callable[..., None], *args: Any) -> None:
        self._numbers += 1
        heappush(self._agenda, (time, self._numbers, callback, args))

    def _later(self, time: int, callback: Callable[..., None], *args: Any) -> None:
        """Plan something that makes good, or lets a fault that happened show."""
        self._healing += 1
        self._plan(time, self._heal, callback, args)
        self._arm()

    def _heal(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._healing -= 1
        callback(*args)

    def _arm(self) -> None:
        due = self.next()
        if self._timer is not None:
            if self._timer.time == due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._engine.at(due, self._wake)

    def _wake(self) -> None:
        """Let everything of this instant happen: plans first, then renewals in the order of the file."""
        self._timer = None
        now = self._engine.now
        while self._agenda and self._agenda[0][0] <= now:
            _, _, callback, args = heappop(self._agenda)
            callback(*args)
        for renewals in self._renewals:
            while (i := renewals.take(now)) is not None:
                self._fail(renewals, i)
        self._arm()

    # -- renewals ------------------------------------------------------------------------------

    def _fail(self, renewals: Renewals, i: int) -> None:
        entity, plan = renewals.entities[i], renewals.process
        key = (plan.key, entity.name, renewals.number(i))
        self._strikes.strike(
            Hit(plan.fault, entity.name, entity.nodes, key, entity.accelerator),
            self._later,
            partial(self._renew, renewals, i),
        )

    def _renew(self, renewals: Renewals, i: int) -> None:
        try:
            renewals.renew(i, self._engine.now)
        except StandsStillError as err:
            cause = renewals.process.fault.cause
            raise InputError(f"failures of {cause} at {self._engine.now / 1e9:g}s: {err}") from None
        self._arm()

    def _hear(self, event: WatchEvent) -> None:
        """Keep the exposure clocks: does a pod run there?"""
        pod = event.obj
        assert isinstance(pod, Pod)
        runs = event.type != "DELETED" and pod.status.phase == "Running"
        node = self._runs_on.get(pod.uid)
        if runs == (node is not None):
            return
        if runs:
            node = self._runs_on[pod.uid] = pod.spec.node_name
        else:
            del self._runs_on[pod.uid]
        assert node is not None
        for renewals, i in self._exposing.get(node, ()):
            (renewals.expose if runs else renewals.conceal)(i, self._engine.now)
        self._arm()

    # -- plans ---------------------------------------------------------------------------------

    def _replay(self, row: plans.TracedFault, number: int, machines: list[Machine]) -> None:
        entity = places.named(row.entity, machines)
        down = None if row.until is None else max(0, row.until - row.at)
        hit = Hit(row.fault, entity.name, entity.nodes, ("trace", number), down=down)
        self._strikes.strike(hit, self._later, _nothing)

    def _maintain(self, plan: plans.Maintenance, machines: list[Machine], first: int) -> None:
        """Give notice to the next nodes, round and round the pool."""
        now, count = self._engine.now, min(plan.nodes, len(machines))
        chosen = [machines[(first + i) % len(machines)].name for i in range(count)]
        outages = self._strikes.outages
        if plan.notice:
            closed = [(node, outages.begin(node, Outage("cordon", 1.0, "maintenance"))) for node in chosen]
            self._later(now + plan.notice, self._drain, plan, chosen, closed)
        else:
            self._drain(plan, chosen, [])
        self._plan(now + plan.every, self._maintain, plan, machines, first + count)

    def _drain(self, plan: plans.Maintenance, nodes: list[str], closed: list[tuple[str, int]]) -> None:
        fault = Fault(effect="drain", cause="maintenance")
        for node in nodes:
            hit = Hit(fault, node, (node,), (plan.key, node), down=plan.duration)
            self._strikes.strike(hit, self._later, _nothing)
        for node, number in closed:
            self._strikes.outages.end(node, number)

    def _plan_spot(self, plan: plans.Spot, machines: list[Machine], number: int) -> None:
        span = quantile(plan.law, uniform(self._seed, "spot", plan.key, number))
        self._plan(self._engine.now + max(span, 1), self._reclaim, plan, machines, number)

    def _reclaim(self, plan: plans.Spot, machines: list[Machine], number: int) -> None:
        """Take a share of the pool: the nodes that drew the smallest numbers this time."""
        self._plan_spot(plan, machines, number + 1)
        there = [m.name for m in machines if self._strikes.outages.there(m.name)]
        count = min(len(there), round(plan.share * len(machines)) or 1)
        drawn = sorted((uniform(self._seed, "spot-node", plan.key, number, name), name) for name in there)
        for _, name in drawn[:count]:
            if not plan.notice:
                self._take(plan, name, number, None)
                continue
            hit = Hit(Fault(effect="drain", cause="spot"), name, (name,), ())
            self._strikes.note("failure", hit, self._strikes.running_on(name))
            drained = self._strikes.outages.begin(name, Outage("drain", 1.0, "spot"))
            self._later(self._engine.now + plan.notice, self._take, plan, name, number, drained)

    def _take(self, plan: plans.Spot, name: str, number: int, drained: int | None) -> None:
        lose = Fault(effect="lose", cause="spot", repair=plan.back)
        hit = Hit(lose, name, (name,), ("back", plan.key, number, name))
        self._strikes.strike(hit, self._later, _nothing)
        if drained is not None:
            self._strikes.outages.end(name, drained)

    def _slow_down(self, plan: plans.Stragglers, machines: list[Machine]) -> None:
        for machine in places.chosen(self._seed, "straggler", plan.share, machines):
            trouble = Outage("degrade", 1 / plan.factor, "straggler")
            self._strikes.outages.begin(machine.name, trouble)


def _machine(node: Node) -> Machine:
    return Machine(node.name, node.metadata.labels, devices.accelerators(node.status.capacity))


def _nothing() -> None:
    """Let a fault be over without consequences."""
