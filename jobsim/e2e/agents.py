"""What becomes of pods that run, as the rules of a recorded run say."""

from __future__ import annotations

from jobsim.api.meta import is_true
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.e2e.case import Rule
from jobsim.e2e.watcher import Watcher
from jobsim.runtime.engine import Engine
from jobsim.runtime.kubelet import Kubelets


class Agents:
    """Sets a timer for each pod that is Running and Ready; the first rule that matches decides.

    Parameters
    ----------
    engine, kubelets :
    watcher : Watcher
        Knows which attempt a pod is; hears of changes first.
    rules : tuple of Rule
    """

    def __init__(self, engine: Engine, kubelets: Kubelets, watcher: Watcher, rules: tuple[Rule, ...]) -> None:
        self._engine = engine
        self._kubelets = kubelets
        self._watcher = watcher
        self._rules = rules
        self._started: dict[str, None] = {}

    def hear(self, event: WatchEvent) -> None:
        """Take in one change of a pod."""
        pod = event.obj
        assert isinstance(pod, Pod)
        if event.type == "DELETED" or pod.uid in self._started or pod.status.phase != "Running":
            return
        if not is_true(pod.status.conditions, "Ready"):
            return
        self._started[pod.uid] = None
        facts = self._watcher.pods[pod.uid].facts
        for rule in self._rules:
            if rule.match(facts):
                if rule.ending is not None or rule.restarts:
                    self._engine.after(rule.after, self._act, pod.uid, rule, rule.restarts)
                return

    def _act(self, uid: str, rule: Rule, left: int) -> None:
        """End a pod, or restart its containers and come again."""
        seen = self._watcher.pods[uid]
        if seen.deleted:
            return
        if rule.ending is not None:
            end = rule.ending
            self._kubelets.finish(seen.pod, end.exit, end.container, end.conditions)
        elif self._kubelets.restart_containers(seen.pod) and left > 1:
            self._engine.after(rule.after, self._act, uid, rule, left - 1)
