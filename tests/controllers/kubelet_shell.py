"""A shell of a few lines for the kubelet's stages: one pod on one node over a real store."""

from __future__ import annotations

from jobsim.api.meta import ObjectMeta, is_true
from jobsim.api.pod import Container, Pod, PodSpec
from jobsim.api.writes import Bind, Delete, PatchPodStatus
from jobsim.apiserver.store import Store
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet import Sandbox, Seen, Stage
from jobsim.laws import Fixed
from jobsim.rng import uniform
from jobsim.units import SECOND, seconds
from jobsim.workload.behaviour import PodRule, PodRules

S = SECOND
NO_RULE = PodRule()


def law(value: float) -> Fixed:
    """Return a fixed duration, s."""
    return Fixed(value=seconds(value))


class Node:
    """A shell: one pod, one node, virtual time, the store's own rules."""

    def __init__(self, pod: Pod, rule: PodRule = NO_RULE, **options: object) -> None:
        self.store = Store()
        self.store.create(pod, 0)
        self.store.bind(Bind(namespace="ns", name="p", node="n0"), 0)
        self.store.subscribe(lambda event: self.log.append((event.time, event.type)))
        self.log: list[tuple[int, str]] = []
        self.behaviour = PodRules((rule,)).resolve(pod)
        self.sandbox: Sandbox | None = None
        self.options = options
        self.images: dict[str, int] = {}
        self.events: list[str] = []
        self.now = 0
        self.up = True

    @property
    def pod(self) -> Pod | None:
        return self.store.get(Pod, "ns", "p")

    @property
    def status(self) -> tuple[str, bool, list[tuple[str, int]]]:
        """Phase, Ready, and each app container's state with its restarts."""
        pod = self.pod
        assert pod is not None, "the pod is gone"
        rows = []
        for c in pod.status.container_statuses:
            state = c.state
            word = (
                "running"
                if state.running
                else f"exit {state.terminated.exit_code}"
                if state.terminated
                else state.waiting.reason
                if state.waiting
                else "-"
            )
            rows.append((word, c.restart_count))
        return pod.status.phase, is_true(pod.status.conditions, "Ready"), rows

    def seen(self) -> Seen:
        pod = self.pod
        assert pod is not None
        return Seen(
            pod=pod,
            sandbox=self.sandbox,
            behaviour=self.behaviour,
            draw=lambda *key: uniform(1, *key),
            images=self.images,
            up=self.up,
            **self.options,
        )

    def carry_out(self, stage: Stage | None) -> None:
        assert stage is not None
        self.now, self.sandbox = stage.at, stage.sandbox
        self.images.update(stage.pulled)
        self.events += [f"{e.type} {e.reason} {e.message}" for e in stage.events]
        for write in stage.writes:
            if isinstance(write, PatchPodStatus):
                self.store.patch_pod_status(write, self.now)
            else:
                assert isinstance(write, Delete)
                self.store.delete(write, self.now)

    def run(self, until: float) -> Node:
        """Carry out all stages up to an instant, s."""
        for _ in range(1000):
            if self.pod is None:
                break
            stage = kubelet.next_stage(self.seen(), self.now)
            if stage is None or stage.at > seconds(until):
                break
            # A stage that was not carried out left no trace: asking again gives the same.
            assert kubelet.next_stage(self.seen(), self.now) == stage
            assert stage.at >= self.now
            self.carry_out(stage)
        else:
            raise AssertionError("the kubelet never rests")
        self.now = max(self.now, seconds(until))
        return self

    def delete(self, grace_s: int | None = None) -> Node:
        self.store.delete(Delete(kind="Pod", namespace="ns", name="p", grace_s=grace_s), self.now)
        return self


def make_pod(policy: str = "Never", *containers: Container, **spec: object) -> Pod:
    """Return an unbound pod with a uid."""
    return Pod(
        metadata=ObjectMeta(name="p", namespace="ns", uid="u1"),
        spec=PodSpec(
            containers=containers or (Container(name="main", image="img"),),
            restart_policy=policy,
            **spec,
        ),
    )


def sleeper(name: str, script: str, **more: object) -> Container:
    """Return a container that runs a shell script."""
    return Container(name=name, image="img", command=("sh", "-c", script), **more)
