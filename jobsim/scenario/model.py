"""The sections of a Scenario as typed values; names are the file's keys in snake_case.

Durations are int nanoseconds, laws are ``laws``, pod rules are ``workload.behaviour``.
What the keys mean, and which values are allowed, is said in ``table.py``.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Json, Quantity, Struct
from jobsim.api.core import Taint
from jobsim.api.meta import Labels
from jobsim.hardware.catalogue import Shape
from jobsim.hardware.failures.plans import Effect
from jobsim.hardware.step_model import StepModel as Model
from jobsim.laws import ZERO, Law

Version = Literal["v0.12.0", "main"]


class JobSetOptions(Struct, kw_only=True):
    version: Version = "v0.12.0"
    gates: tuple[tuple[str, bool], ...] = ()


class ManifestEntry(Struct, kw_only=True):
    """A line of ``manifests``: a file (or pattern) or an object, and when it is applied."""

    at: int = 0
    file: str = ""
    object: Json | None = None


class Oversubscription(Struct, kw_only=True):
    rack: float = 1.0
    block: float = 1.0


class Pool(Struct, kw_only=True):
    """Machines of one shape in racks of blocks; ``nodes`` for one flat pool, ``topology`` for a real one.

    ``wired`` is what that file says: for each node the numbers of its rack, block, ...; ``up`` the GB/s of
    up-links by those numbers from a switch outwards, where it says them.
    """

    pool: str
    shape: Shape
    blocks: int = 1
    racks: int = 1
    nodes_per_rack: int = 0
    nodes: int = 0
    topology: str = ""
    wired: tuple[tuple[int, ...], ...] = ()
    up: tuple[tuple[tuple[int, ...], float], ...] = ()
    block_labels: tuple[str, ...] = ()
    rack_labels: tuple[str, ...] = ()
    labels: Labels = {}
    taints: tuple[Taint, ...] = ()
    fabric: str = ""
    oversubscription: Oversubscription = Oversubscription()

    @property
    def size(self) -> int:
        """The number of its nodes."""
        return len(self.wired) or self.nodes or self.blocks * self.racks * self.nodes_per_rack


class WorkloadMatch(Struct, kw_only=True):
    jobset: str
    namespace: str = "default"
    replicated_jobs: tuple[str, ...] = ()


class StepModel(Struct, kw_only=True):
    """A step in closed form; ``own_peak``: it says its accelerators' peak, else the fleet's shapes do."""

    model: Model
    own_peak: bool = False


class Collective(Struct, kw_only=True):
    op: str
    bytes: Quantity
    overlap: float = 0.0


class CheckpointLevel(Struct, kw_only=True):
    """One place to save to; ``survives`` is the share of failures that it outlives."""

    every: int = 0
    every_steps: int = 0
    write: Law = ZERO
    load: Law = ZERO
    mode: Literal["blocking", "async"] = "blocking"
    persist: Law = ZERO
    survives: float = 1.0
    name: str = ""


class CheckpointSpec(CheckpointLevel, kw_only=True):
    on_termination: bool = False
    levels: tuple[CheckpointLevel, ...] = ()


class WorkloadSpec(Struct, kw_only=True):
    match: WorkloadMatch
    step: Law | StepModel
    collectives: tuple[Collective, ...] = ()
    steps: int = 0
    useful: int = 0
    init: Law = ZERO
    checkpoint: CheckpointSpec | None = None

    @property
    def on_network(self) -> bool:
        """Whether its steps are priced on the network."""
        return bool(self.collectives) or isinstance(self.step, StepModel)


class FailureBase(Struct, kw_only=True):
    """What all failures may say: when it is noticed, and how often a container restart cures it.

    ``in_place`` None: nothing is said of that, and what the manifest says happens.
    """

    detect: Law = ZERO
    in_place: float | None = None


class PodFailure(FailureBase, kw_only=True):
    at: int
    pod: str
    exit_code: int = 1
    reason: str = ""


class NodeFailure(FailureBase, kw_only=True):
    at: int
    node: str
    effect: Effect = "crash"
    factor: float = 1.0
    repair: Law | None = None


class LemonPlan(Struct, kw_only=True):
    """Nodes that fail more often than others."""

    share: float
    factor: float


class FailureProcess(FailureBase, kw_only=True):
    """Renewals of every entity of a kind; ``domain`` set: all inside fail together."""

    component: str = ""
    domain: str = ""
    per: str = ""
    pool: str = ""
    law: Law
    effect: Effect = "crash"
    factor: float = 1.0
    exit_code: int = 1
    repair: Law | None = ZERO
    clock: Literal["calendar", "exposure"] = "calendar"
    lemons: LemonPlan | None = None


class TraceRow(Struct, kw_only=True):
    """A fault of a trace; ``entity`` a name, or the number of a node of the fleet."""

    at: int
    entity: str | int
    effect: Effect = "crash"
    until: int | None = None
    factor: float = 1.0
    cause: str = ""
    line: int = 0


class FailureTrace(FailureBase, kw_only=True):
    """A file of faults; ``rows`` is what stands in it."""

    trace: str
    effect: Effect = "crash"
    factor: float = 1.0
    rows: tuple[TraceRow, ...] = ()


class MaintenancePlan(Struct, kw_only=True):
    every: int
    duration: int
    nodes: int = 1
    notice: int = 0
    pool: str = ""


class Maintenance(FailureBase, kw_only=True):
    maintenance: MaintenancePlan


class SpotPlan(Struct, kw_only=True):
    pool: str
    law: Law
    share: float = 1.0
    notice: int = 0
    back: Law | None = None


class Spot(FailureBase, kw_only=True):
    spot: SpotPlan


class StragglerPlan(Struct, kw_only=True):
    share: float
    factor: float
    pool: str = ""


class Stragglers(FailureBase, kw_only=True):
    stragglers: StragglerPlan


FailureSpec = PodFailure | NodeFailure | FailureProcess | FailureTrace | Maintenance | Spot | Stragglers


class Target(Struct, kw_only=True):
    """An object that an action is about: a kind's name and the object's."""

    kind: str
    name: str


class Moment(Struct, kw_only=True):
    """The first time that a JobSet's condition is true."""

    jobset: str
    condition: str
    namespace: str = "default"


Verb = Literal["patch", "delete", "evict", "apply", "cordon", "uncordon", "drain", "taint"]


class ActionSpec(Struct, kw_only=True):
    verb: Verb
    at: int | None = None
    when: Moment | None = None
    after: int = 0
    namespace: str = "default"
    target: Target | None = None
    merge: Json | None = None
    json: tuple[Json, ...] | None = None
    status: bool = False
    propagation: str = ""
    grace_s: int | None = None
    file: str = ""
    taints: tuple[Taint, ...] = ()


class Limits(Struct, kw_only=True):
    qps: float | None = None
    burst: int | None = None


class LagSpec(Struct, kw_only=True):
    """How late a component sees changes of a kind; an empty word stands for all."""

    law: Law
    component: str = ""
    kind: str = ""


class ControlSpec(Struct, kw_only=True):
    watch_lag: tuple[LagSpec, ...] = ()
    latency: Law = ZERO
    limits: tuple[tuple[str, Limits], ...] = ()
    pods_per_second: float = 0.0
    node_monitor_grace_period: int | None = None
    #: Constants that are changed, by their names in ``controllers.timing.Timing``.
    timing: tuple[tuple[str, float], ...] = ()
    feature_gates: tuple[tuple[str, bool], ...] = ()
    controllers: Labels = {}


class Call(Struct, kw_only=True):
    """Which calls of the API a fault hits; an empty word stands for all."""

    component: str = ""
    verb: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


class ErrorFault(Struct, kw_only=True):
    error: str
    on: Call = Call()
    probability: float | None = None
    nth: int | None = None
    applied: bool = False


class StaleFault(Struct, kw_only=True):
    component: str
    kind: str
    at: int
    duration: int


class CrashFault(Struct, kw_only=True):
    component: str
    at: int | None = None
    after_write: int | None = None
    down: int = 0


FaultSpec = ErrorFault | StaleFault | CrashFault


class Bounds(Struct, kw_only=True):
    """What a number must be; ``equal`` alone, or limits."""

    equal: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether a number is within."""
        return (
            (self.equal is None or value == self.equal)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


class JobSetExpectation(Struct, kw_only=True):
    jobset: str
    namespace: str = "default"
    terminal_state: str | None = None
    restarts: Bounds | None = None
    restarts_count_towards_max: Bounds | None = None
    ettr: Bounds | None = None


class PodsExpectation(Struct, kw_only=True):
    """Bounds of the summary's pod counts, by the summary's words."""

    pods: tuple[tuple[str, Bounds], ...]


Expectation = JobSetExpectation | PodsExpectation
