"""Which container is the in-place restart agent, and how it is set up (C-AGT-01)."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, ContainerRestartRule, EnvVar, ExitCodes, Pod, PodSpec
from jobsim.laws import Fixed
from jobsim.units import SECOND
from jobsim.workload.agent import Agent, agent_names, read_agent
from jobsim.workload.behaviour import PodRule, resolve

ALL = (
    ContainerRestartRule(action="RestartAllContainers", exit_codes=ExitCodes(operator="NotIn", values=(0,))),
)
NAMES = {"JOBSET_NAME": "train", "POD_NAME": "p"}
SIDECAR = Agent(mode="sidecar")


def container(env: dict[str, str] = NAMES, **more: object) -> Container:
    made = Container(
        name="agent",
        image="img",
        restart_policy="Always",
        env=tuple(EnvVar(name=key, value=value) for key, value in env.items()),
    )
    return replace(made, **more)


@pytest.mark.parametrize(
    ("given", "init", "agent"),
    [
        (container(name="in-place-restart-agent"), True, SIDECAR),
        (container(image="registry:5000/jobset/in-place-restart-agent:v0.12.0@sha256:abc"), True, SIDECAR),
        (container(restart_policy_rules=ALL), True, SIDECAR),
        (container({**NAMES, "WORKER_COMMAND": "sleep 9"}), False, Agent(mode="main", worker="sleep 9")),
        (container({**NAMES, "WORKER_COMMAND": ""}, name="in-place-restart-agent"), False, SIDECAR),
        # An init container that ends is none, and neither is any container with these variables.
        (container(name="in-place-restart-agent", restart_policy=None), True, None),
        (container(), True, None),
        (container(), False, None),
        (container({}, restart_policy_rules=ALL), True, None),
        (container({"JOBSET_NAME": "x"}, restart_policy_rules=ALL), True, None),
        (Container(name="main", image="in-place-restart-agents"), False, None),
    ],
)
def test_who_is_an_agent(given: Container, init: bool, agent: Agent | None) -> None:
    assert read_agent(given, init=init) == agent


@pytest.mark.parametrize(
    ("env", "agent"),
    [
        ({"IN_PLACE_RESTART_EXIT_CODE": "42"}, Agent(mode="sidecar", exit_code=42)),
        ({"IN_PLACE_RESTART_EXIT_CODE": "256"}, Agent(mode="sidecar", exit_code=0)),
        ({"IN_PLACE_RESTART_EXIT_CODE": ""}, SIDECAR),
        ({"IN_PLACE_RESTART_EXIT_CODE": "x"}, Agent(mode="sidecar", broken=True)),
        ({"JOBSET_NAME": ""}, Agent(mode="sidecar", broken=True)),
        ({"POD_NAME": ""}, Agent(mode="sidecar", broken=True)),
        ({"STARTUP_PROBE_PATH": "/up"}, SIDECAR),
        (
            {"WORKER_COMMAND": "true", "STARTUP_PROBE_PORT": "1"},
            Agent(mode="main", worker="true", broken=True),
        ),
    ],
)
def test_how_it_is_set_up(env: dict[str, str], agent: Agent) -> None:
    assert read_agent(container({**NAMES, **env}, name="in-place-restart-agent"), init=True) == agent


def test_what_a_manifest_does_not_show_counts_as_set() -> None:
    hidden = EnvVar(name="WORKER_COMMAND", value_from={"configMapKeyRef": {"name": "c", "key": "k"}})
    given = container()
    assert read_agent(replace(given, env=(*given.env, hidden)), init=False) == Agent(mode="main")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.annotations['jobset.sigs.k8s.io/jobset-name']", "of-note"),
        ("metadata.labels['jobset.sigs.k8s.io/jobset-name']", "of-label"),
        ("metadata.labels['other']", ""),
        ("spec.nodeName", ""),
    ],
)
def test_names_by_reference(path: str, name: str) -> None:
    key = "jobset.sigs.k8s.io/jobset-name"
    meta = ObjectMeta(name="p", namespace="ns", annotations={key: "of-note"}, labels={key: "of-label"})
    env = (
        EnvVar(name="JOBSET_NAME", value_from={"fieldRef": {"fieldPath": path}}),
        EnvVar(name="POD_NAME", value="p"),
    )
    assert agent_names(Pod(metadata=meta), Container(name="a", env=env)) == (name, "p")


def _pod(*containers: Container, init: tuple[Container, ...] = ()) -> Pod:
    spec = PodSpec(containers=containers, init_containers=init)
    return Pod(metadata=ObjectMeta(name="p"), spec=spec)


def test_behaviour_of_a_sidecar() -> None:
    agent = container(restart_policy_rules=ALL)
    got = resolve((PodRule(run=Fixed(value=SECOND)),), _pod(Container(name="w"), init=(Container(), agent)))
    assert (got.agent, got.init_programs[1].agent, got.run) == (~1, SIDECAR, Fixed(value=SECOND))


@pytest.mark.parametrize(
    ("command", "rules", "run"),
    [
        ("sleep 7; exit 3", (), Fixed(value=7 * SECOND)),
        ("python train.py", (), Fixed(value=60 * SECOND)),
        ("sleep 7", (PodRule(run="workload"),), "workload"),
    ],
)
def test_behaviour_of_a_worker_in_the_agent(command: str, rules: tuple[PodRule, ...], run: object) -> None:
    """C-AGT-06: it exits with the worker's code."""
    got = resolve(rules, _pod(container({**NAMES, "WORKER_COMMAND": command})))
    assert (got.agent, got.run) == (0, run)
    assert got.programs[0].exit[0].code == (3 if "exit" in command else 0)


def test_behaviour_of_odd_ones() -> None:
    plain = container(name="in-place-restart-agent", command=("sleep", "5"))
    assert resolve((), _pod(plain)).agent is None
    broken = resolve((), _pod(container({}, name="in-place-restart-agent")))
    assert (broken.agent, broken.run, broken.programs[0].exit[0].code) == (None, Fixed(value=0), 1)
    beside = resolve((), _pod(Container(name="w", command=("sleep", "5")), container(NAMES, image=NAME)))
    assert (beside.agent, beside.programs[1].run) == (1, "forever")


def test_two_setups_of_one_command_are_two_behaviours() -> None:
    from jobsim.workload.behaviour import PodRules

    rules = PodRules()
    runs = [rules.resolve(_pod(container({**NAMES, "WORKER_COMMAND": f"sleep {n}"}))).run for n in (1, 2)]
    assert runs == [Fixed(value=SECOND), Fixed(value=2 * SECOND)]


NAME = "in-place-restart-agent"
