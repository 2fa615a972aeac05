"""Setup: all that a run is made from, as the runtime wants it.

The Scenario file's own types live two layers above (``scenario.model``); ``scenario.build``
turns them into these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jobsim.api._struct import Struct
from jobsim.api.core import Node, Taint
from jobsim.api.timing import CLIENTS, Timing
from jobsim.api.timing import REAL as REAL_TIMING
from jobsim.controllers.jobset.gates import Gates
from jobsim.controllers.kubelet import REAL, KubeletProfile
from jobsim.hardware.failures.plans import Fault, Plan, TracedFault
from jobsim.hardware.topology import Topology
from jobsim.laws import ZERO, Law
from jobsim.runtime.network import Exchanging
from jobsim.units import DAY
from jobsim.workload.behaviour import PodRule
from jobsim.workload.training import Workload


class ClientLimits(Struct):
    """A component's token bucket; ``qps`` 0 = unlimited."""

    qps: float
    burst: int


#: Upstream's defaults: JobSet main.go, kube-controller-manager, kube-scheduler (K-TIM-02, C-KEY-05).
CLIENT_LIMITS: Mapping[str, ClientLimits] = {
    **{name: ClientLimits(qps=limit.qps, burst=limit.burst) for name, limit in CLIENTS.items()},
    # One client for the kubelets of all nodes, and each agent writes once: no limit that would count.
    **dict.fromkeys(("kubelet", "in-place-restart-agent", "user"), ClientLimits(qps=0, burst=0)),
}


class WatchLag(Struct):
    """How late a component sees changes of a kind; empty words match all."""

    law: Law
    component: str = ""
    kind: str = ""


class Control(Struct):
    """The control plane's own time."""

    watch_lag: tuple[WatchLag, ...] = ()
    latency: Law = ZERO
    limits: Mapping[str, ClientLimits] = {}
    pods_per_second: float = 0.0
    timing: Timing = REAL_TIMING
    #: Gates of Kubernetes that are on.
    features: tuple[str, ...] = ()
    controllers: Mapping[str, str] = {}


class Submission(Struct):
    """A document that somebody applies at a time."""

    at: int
    doc: Mapping[str, Any]
    file: str = ""
    line: int | None = None


Verb = Literal[
    "patch", "patch-status", "json-patch", "delete", "evict", "apply", "cordon", "uncordon", "drain", "taint"
]


class When(Struct):
    """A moment that a JobSet's condition brings: the first time it is True."""

    jobset: str
    condition: str
    namespace: str = "default"


class Action(Struct):
    """What people and other systems do, at a time or when a condition holds."""

    verb: Verb
    kind: str = ""
    namespace: str = "default"
    name: str = ""
    at: int | None = None
    when: When | None = None
    after: int = 0
    patch: Any = None
    status: bool = False
    propagation: str = ""
    grace_s: int | None = None
    taints: tuple[Taint, ...] = ()
    docs: tuple[Submission, ...] = ()


class Failure(Struct):
    """A scripted fault of a pod (by its name without suffix) or of a node."""

    at: int
    fault: Fault
    pod: str = ""
    node: str = ""


class ErrorFault(Struct):
    """Answers of the API server that go wrong; empty words match every call of a component.

    Parameters
    ----------
    error : str
        The reason of the answer (metav1.StatusReason).
    component, verb, kind, namespace, name : str
        Which calls; the name of a pod also without its random suffix.
    probability : float
        Of each such call, unless ``nth`` is given.
    nth : int or None
        Only this call, counted from 1.
    applied : bool
        Whether the write happens all the same.
    """

    error: str
    component: str = ""
    verb: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    probability: float = 0.0
    nth: int | None = None
    applied: bool = False


class StaleFault(Struct):
    """A component's cache hears nothing of a kind for a while, ns."""

    component: str
    kind: str
    at: int
    duration: int


class CrashFault(Struct):
    """A component stops, at a time or after so many writes of one pass, and starts again ``down`` later."""

    component: str
    at: int | None = None
    after_write: int | None = None
    down: int = 0


class Faults(Struct):
    """What goes wrong between the components and the API server."""

    errors: tuple[ErrorFault, ...] = ()
    stale: tuple[StaleFault, ...] = ()
    crashes: tuple[CrashFault, ...] = ()


class Setup(Struct):
    """Everything that decides what a run does, besides the code."""

    gates: Gates = Gates()
    seed: int = 0
    until: int | None = None
    until_max: int = 30 * DAY
    submissions: tuple[Submission, ...] = ()
    nodes: tuple[Node, ...] = ()
    rules: tuple[PodRule, ...] = ()
    workloads: tuple[Workload, ...] = ()
    network: Topology | None = None
    exchanging: tuple[Exchanging, ...] = ()
    actions: tuple[Action, ...] = ()
    failures: tuple[Failure, ...] = ()
    plans: tuple[Plan, ...] = ()
    traced: tuple[TracedFault, ...] = ()
    control: Control = Control()
    faults: Faults = Faults()
    kubelet: KubeletProfile = REAL
    strict: bool = False
    check_invariants: bool = False
