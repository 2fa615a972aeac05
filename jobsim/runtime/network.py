"""Steps that wait for the network: priced where the gang is, and again when neighbours come and go.

A gang whose steps exchange something loads the up-links of the switches that it spreads over, as long as it
steps.  Rates are max-min fair shares (``hardware.contention``); a change solves again only those that it can
reach, and only they get a new pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from jobsim.api._struct import Struct, replace
from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.apiserver.store import Store
from jobsim.errors import InputError, InputErrors
from jobsim.hardware import gang as ranks
from jobsim.hardware.contention import Shares, alone
from jobsim.hardware.price import Exchange, demands, exposed_s, most
from jobsim.hardware.step_model import StepModel, machines_s, training_step
from jobsim.hardware.topology import Topology
from jobsim.hardware.topology.placement import Footprint, Loads, best, footprint
from jobsim.runtime.gang import NETWORK, Gang, Key, Pace
from jobsim.runtime.links import Link, Links
from jobsim.units import SECOND


class Exchanging(Struct):
    """What a workload's steps send.

    Parameters
    ----------
    key : (str, str)
        Namespace and name of the JobSet.
    compute_ns : int
        Time of a step without the network; 0 with a model.
    exchanges : tuple of Exchange
        Added to each step.
    model : StepModel or None
        Gives the step's time, computing and what it exchanges.
    own_peak : bool
        Whether the model says its accelerators' peak; else the machines do.
    useful_ns : int
        Nominal step time until the work is done, where the file says that instead of steps; else 0.
    """

    key: Key
    compute_ns: int = 0
    exchanges: tuple[Exchange, ...] = ()
    model: StepModel | None = None
    own_peak: bool = False
    useful_ns: int = 0

    @property
    def patterns(self) -> tuple[Exchange, ...]:
        """All collectives of a step, by kind: what decides which links are loaded."""
        model = self.model
        if model is None:
            return self.exchanges
        expert = (Exchange("all-to-all", 1.0),) if model.expert > 1 and model.moe_layers else ()
        return (*self.exchanges, Exchange("all-reduce", 1.0), *expert)

    def pace(self, where: Footprint, share: float, cause: str = NETWORK) -> Pace:
        """Return the pace of steps somewhere, at a share of the line rate there."""
        exposed = exposed_s(self.exchanges, where, share)
        if self.model is None:
            return Pace(self.compute_ns, round(exposed * SECOND), cause)
        peak = self.model.peak_tflops if self.own_peak else where.machine.peak_tflops
        model, fabric = replace(self.model, peak_tflops=peak), where.machine.fabric
        seconds = exposed + training_step(model, fabric=fabric, share=share).seconds
        machines_ns = round(machines_s(model, fabric=fabric, share=share) * SECOND)
        return Pace(machines_ns, max(1, round(seconds * SECOND)) - machines_ns, cause, model.slowest)


class _Stand(NamedTuple):
    """A gang's place: what it sends, where it is, what it asks of links, and the most that it can use.

    ``nodes`` are those that it sends from: none when it is inside one scale-up domain.
    """

    sends: Exchanging
    where: Footprint
    loads: Loads
    cap: float
    nodes: tuple[str, ...]


class Congestion:
    """The network under all gangs of a run.

    Parameters
    ----------
    topology : Topology or None
        None: nobody exchanges anything.
    exchanging : iterable of Exchanging
    store : Store
    set_pace : callable
        ``(key, pace)``: lets a gang's steps take that long from now on.
    warn : callable
        Takes what the user should know.

    Attributes
    ----------
    troubles : Links or None
        Links that carry less than they should.
    """

    def __init__(
        self,
        topology: Topology | None,
        exchanging: Iterable[Exchanging],
        store: Store,
        set_pace: Callable[[Key, Pace], None],
        warn: Callable[[str], None],
    ) -> None:
        self._topology = topology
        self._sends: Mapping[Key, Exchanging] = {each.key: each for each in exchanging} if topology else {}
        self._store = store
        self._set_pace = set_pace
        self._warn = warn
        self._stands: dict[Key, _Stand] = {}
        self._known: dict[str, None] = {}
        self.troubles = None if topology is None else Links(topology, self._relink)
        if topology is not None:
            self._links = topology.links
            self._shares: Shares[Key] = Shares(self._links)

    def settle(self, gang: Gang) -> None:
        """Take in where a gang is that is whole now; the first time also what its steps should take."""
        sends = self._sends.get(gang.key)
        topology, jobset = self._topology, self._store.get(JobSet, *gang.key)
        if sends is None or topology is None or jobset is None:
            return
        pods = self._store.by_index(Pod, "jobset", f"{gang.key[0]}/{gang.key[1]}")
        members = ranks.latest(pod for pod in pods if pod.uid in gang.ready)
        placed = ranks.ranks(jobset, members)
        where = footprint(topology, placed)
        self._stands.pop(gang.key, None)
        if where is None or not where.machine.fabric:
            self._unpriced(gang, "its pods are on nodes of no known fabric")
            return
        try:
            nominal_ns = self._nominal_ns(sends, where)
        except (InputError, InputErrors) as err:
            self._unpriced(gang, str(err))
            return
        loads = demands(topology, where, sends.patterns)
        nodes = tuple(dict.fromkeys(name for name, _ in placed)) if where.domains > 1 else ()
        self._stands[gang.key] = _Stand(sends, where, loads, most(where), nodes)
        if jobset.uid not in self._known:
            self._known[jobset.uid] = None
            steps = -(-sends.useful_ns // nominal_ns) if sends.useful_ns else gang.workload.steps
            gang.workload = replace(gang.workload, step_ns=nominal_ns, steps=steps)

    def _nominal_ns(self, sends: Exchanging, where: Footprint) -> int:
        """Return the time of a step where the gang would be packed as tightly as can be, alone."""
        assert self._topology is not None
        times = []
        for at in (where, best(self._topology, where)):
            loads = demands(self._topology, at, sends.patterns)
            times.append(sends.pace(at, alone(loads, self._links, most(at))).step_ns(1.0))
        return min(times)

    def _unpriced(self, gang: Gang, why: str) -> None:
        self._set_pace(gang.key, Pace(gang.workload.step_ns))
        name = f"{gang.key[0]}/{gang.key[1]}"
        self._warn(f"workload of jobset {name}: its steps are not priced on the network: {why}")

    def enter(self, gang: Gang) -> None:
        """Let a gang begin to step: it loads its links, and others may slow down."""
        stand = self._stands.get(gang.key)
        if stand is not None and gang.key not in self._shares.rates:
            self._tell(self._shares.put(gang.key, stand.loads, self._cap(stand)[0]))

    def leave(self, key: Key) -> None:
        """Let a gang stop: others may go faster."""
        if self._stands and key in self._shares.rates:
            self._tell(self._shares.drop(key))

    def _tell(self, rates: Mapping[Key, float]) -> None:
        for key in sorted(rates):
            stand = self._stands[key]
            self._set_pace(key, stand.sends.pace(stand.where, rates[key], self._cause(key, stand)))

    # -- slow links ----------------------------------------------------------------------------

    def _cap(self, stand: _Stand) -> tuple[float, str]:
        """Return the most that a gang can use, and what is to blame: all wait for the slowest link."""
        assert self.troubles is not None
        slowest = min(map(self.troubles.left, stand.nodes), default=None)
        if slowest is None or slowest.factor >= stand.cap:
            return stand.cap, NETWORK
        return slowest

    def _cause(self, key: Key, stand: _Stand) -> str:
        """Return what holds a gang back: a slow link, or neighbours and its placement."""
        assert self.troubles is not None
        if self.troubles.sound:
            return NETWORK
        held = self._shares.bottlenecks(key)
        if not held:
            return self._cap(stand)[1]
        slowest = min(map(self.troubles.left, held))
        return slowest.cause if slowest.factor < 1 else NETWORK

    def _relink(self, links: Sequence[Link]) -> None:
        """Take in that links carry more or less than they did."""
        assert self.troubles is not None
        changed = frozenset(links)
        for link in links:
            if isinstance(link, int):
                capacity = float(self._links[link]) * self.troubles.left(link).factor
                self._tell(self._shares.resize(link, capacity))
        for key, stand in sorted(self._stands.items()):
            if key in self._shares.rates and not changed.isdisjoint((*stand.nodes, *stand.loads)):
                rates = self._shares.put(key, stand.loads, self._cap(stand)[0])
                self._tell({key: self._shares.rates[key], **rates})
