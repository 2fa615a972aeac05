"""Strikes: a fault as it happens, is noticed, takes effect and is repaired.

From the fault to its effect (``detect``) the gangs of the pods that it hits hang: they cannot step, and
nothing in the API says so.  A node that goes dark hangs them too, until somebody finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count, islice
from typing import Any, NamedTuple, Protocol

from jobsim.api import devices
from jobsim.api._struct import replace
from jobsim.api.jobset import JOBSET_NAME
from jobsim.api.pod import Pod
from jobsim.api.timing import Timing
from jobsim.apiserver.store import Store
from jobsim.hardware.failures.plans import SLOWING, Fault
from jobsim.laws import quantile
from jobsim.rng import uniform
from jobsim.runtime.engine import Engine
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.outages import Outage, Outages
from jobsim.runtime.training import Training

#: Effects under which pods stop at once, noticed or not.
_SUDDEN = ("pod-fails", "crash", "lose")
#: Sets a timer: ``(time, callback, *args)``.
Later = Callable[..., Any]


class Notes(Protocol):
    """Who keeps what happened."""

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take something that is no change of an object."""
        ...


class Hit(NamedTuple):
    """A fault at an entity.

    Attributes
    ----------
    entity : str
    nodes : tuple of str
    key : tuple
        Names the draws of its detection and repair.
    accelerator : int
        Which of its node's it is; -1: all of the node.
    pods : tuple of Pod or None
        Of a fault of one pod: it.
    down : int or None
        How long it lasts, where that is known; else the fault's law says.
    """

    fault: Fault
    entity: str
    nodes: tuple[str, ...]
    key: tuple[str | int, ...]
    accelerator: int = -1
    pods: tuple[Pod, ...] | None = None
    down: int | None = None


class Strikes:
    """Carries out faults.

    Parameters
    ----------
    engine, store, kubelets, training, outages, notes, seed :
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        kubelets: Kubelets,
        training: Training,
        outages: Outages,
        notes: Notes,
        seed: int,
        timing: Timing,
    ) -> None:
        self._timing = timing
        self._engine = engine
        self._store = store
        self._kubelets = kubelets
        self._training = training
        self.outages = outages
        self._notes = notes
        self._seed = seed
        self._devices: dict[str, dict[str, set[int]]] = {}

    def strike(self, hit: Hit, later: Later, over: Callable[[], None]) -> None:
        """Let a fault happen now; ``over`` is called when its entity works again."""
        fault = hit.fault
        pods = self._victims(hit)
        delay = quantile(fault.detect, uniform(self._seed, "detect", *hit.key))
        if not delay:
            self._show(hit, pods, later, over)
            return
        self.note("fault", hit, pods)
        if fault.effect in _SUDDEN:
            self._training.hang([pod.uid for pod in pods])
        later(self._engine.now + delay, self._show, hit, pods, later, over)

    def _show(self, hit: Hit, pods: list[Pod], later: Later, over: Callable[[], None]) -> None:
        """Let a fault take effect."""
        fault, now = hit.fault, self._engine.now
        curable = self._curable(hit)
        if curable and fault.effect != "pod-fails":
            self.note("failure", hit, pods, effect="pods-fail", inPlace=True)
            for pod in pods:
                if self._kubelets.fail(pod, fault.exit_code, fault.reason):
                    one = Hit(replace(fault, effect="pod-fails"), pod.name, (), hit.key)
                    self.note("failure", one, [pod], inPlace=True)
            over()
            return
        self.note("failure", hit, pods, **_told(fault, curable))
        if fault.effect == "pod-fails":
            for pod in pods:
                self._kubelets.fail(pod, fault.exit_code, fault.reason, curable=curable is not False)
        elif fault.effect in _SUDDEN:
            self._training.hang([pod.uid for pod in pods])
        down = hit.down
        if down is None and fault.repair is not None:
            down = quantile(fault.repair, uniform(self._seed, "repair", *hit.key))
        if down is None and fault.effect.endswith("-pressure"):
            # The pod that went made room: only the condition lingers.
            down = self._timing.pressure_transition_ns
        # A part that is replaced in no time leaves its node open.
        lasts = down != 0 if fault.effect == "pod-fails" else True
        ends = self._troubles(hit) if lasts else []
        if down == 0 and not ends:
            over()
        elif down is not None:
            later(now + down, self._repair, hit, ends, over)

    def _troubles(self, hit: Hit) -> list[Callable[[], None]]:
        """Put what is hit out of order; return what mends it."""
        fault, outages, network = hit.fault, self.outages, self._training.network
        if fault.effect == "degrade-link":
            # Without anybody who sends, nobody can tell.
            links = None if network is None else network.troubles
            if links is None:
                return []
            return [links.begin(links.above(hit.entity, hit.nodes), fault.factor, fault.cause)]
        effect = "cordon" if fault.effect == "pod-fails" else fault.effect
        outage = Outage(effect, fault.factor, fault.cause)
        return [partial(outages.end, node, outages.begin(node, outage)) for node in hit.nodes]

    def _curable(self, hit: Hit) -> bool | None:
        """Tell whether a container restart cures a fault; None: nothing is said of that."""
        share = hit.fault.in_place
        return None if share is None else uniform(self._seed, "in-place", *hit.key) < share

    def _repair(self, hit: Hit, ends: Iterable[Callable[[], None]], over: Callable[[], None]) -> None:
        for end in ends:
            end()
        self._notes.note(self._engine.now, "failure", effect="repair", entity=hit.entity)
        over()

    # -- whom it hits --------------------------------------------------------------------------

    def runs(self, pod: Pod) -> bool:
        """Tell whether a pod's first container runs."""
        return self._kubelets.runs(pod)

    def running_on(self, node: str) -> list[Pod]:
        """Return the pods that run on a node, in order of namespace and name."""
        return [
            pod
            for pod in self._store.by_index(Pod, "node", node)
            if pod.status.phase == "Running" and not pod.terminating
        ]

    def _victims(self, hit: Hit) -> list[Pod]:
        if hit.pods is not None:
            return list(hit.pods)
        pods = [pod for node in hit.nodes for pod in self.running_on(node)]
        if hit.accelerator < 0:
            return pods
        owners = self._owners(hit.nodes[0], pods)
        return [pod for pod in pods if hit.accelerator in owners[pod.uid]]

    def _owners(self, node: str, pods: list[Pod]) -> dict[str, set[int]]:
        """Return which accelerators each running pod of a node has: the first free ones, for its life."""
        known = self._devices.get(node, {})
        owners = self._devices[node] = {pod.uid: known[pod.uid] for pod in pods if pod.uid in known}
        taken = {i for held in owners.values() for i in held}
        for pod in pods:
            if pod.uid not in owners:
                free = (i for i in count() if i not in taken)
                owners[pod.uid] = set(islice(free, devices.of_pod(pod.spec)))
                taken |= owners[pod.uid]
        return owners

    def note(self, kind: str, hit: Hit, pods: list[Pod], **extra: Any) -> None:
        """Keep what happened, to whom, and which JobSets had pods there."""
        fault = hit.fault
        more: dict[str, Any] = {"exitCode": fault.exit_code} if fault.effect == "pod-fails" else {}
        if fault.effect in SLOWING:
            more["factor"] = fault.factor
        if fault.cause:
            more["cause"] = fault.cause
        hit_sets = dict.fromkeys(
            f"{pod.namespace}/{pod.metadata.labels.get(JOBSET_NAME, '')}" for pod in pods
        )
        if hit_sets:
            more["jobsets"] = list(hit_sets)
        fields = {"effect": fault.effect, "entity": hit.entity, **more, **extra}
        self._notes.note(self._engine.now, kind, **fields)


def _told(fault: Fault, curable: bool | None) -> dict[str, Any]:
    """Return what a note says of a cure: only pods that fail have one."""
    return {"inPlace": curable} if curable is not None and fault.effect == "pod-fails" else {}
