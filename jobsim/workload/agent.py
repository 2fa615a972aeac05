"""The in-place restart agent as a container of a manifest: which container it is, and how it is set up.

The agent is a program of the JobSet project that users put into their pods.  What it decides is in
``controllers.in_place_agent``; here is what its container says.

A container is the agent if its name or its image's is ``in-place-restart-agent``, or if it has the variables
JOBSET_NAME and POD_NAME and is set up as only the agent is: with WORKER_COMMAND, or as a sidecar with the
restart rule RestartAllContainers.

Source: jobset cmd/in-place-restart-agent/main.go parseEnvOrDie @08dfbdfd; clause C-AGT-01.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct
from jobsim.api.gofmt import atoi
from jobsim.api.pod import Container, EnvVar, Pod

NAME = "in-place-restart-agent"
_JOBSET, _POD, _WORKER, _CODE = "JOBSET_NAME", "POD_NAME", "WORKER_COMMAND", "IN_PLACE_RESTART_EXIT_CODE"
_PROBE = ("STARTUP_PROBE_PATH", "STARTUP_PROBE_PORT")


class Agent(Struct):
    """One container's agent.

    Parameters
    ----------
    mode : {"sidecar", "main"}
        It holds back the containers after it by its startup probe, or runs the worker itself.
    exit_code : int
        What it exits with to have its pod restarted in place.
    worker : str or None
        The shell command of the worker (mode ``main``); None: not known.
    broken : bool
        It is set up wrongly and exits 1 at once.
    """

    mode: Literal["sidecar", "main"]
    exit_code: int = 1
    worker: str | None = None
    broken: bool = False


def read_agent(container: Container, *, init: bool) -> Agent | None:
    """Return the agent that a container is, or None for any other container.

    Parameters
    ----------
    init : bool
        An init container: the agent only as a sidecar.
    """
    if init and container.restart_policy != "Always":
        return None
    named = NAME in (container.name, _image_name(container.image))
    env = {variable.name: variable for variable in container.env}
    worker = env.get(_WORKER)
    has_worker = worker is not None and _is_set(worker)
    if not named:
        known = _JOBSET in env and _POD in env
        if not known or not (_restarts_all(container) if init else has_worker):
            return None
    code = _exit_code(env.get(_CODE))
    broken = (
        code is None
        or not all(name in env and _is_set(env[name]) for name in (_JOBSET, _POD))
        or (has_worker and any(name in env and _is_set(env[name]) for name in _PROBE))
    )
    return Agent(
        mode="main" if has_worker else "sidecar",
        # What os.Exit is given is cut to eight bits.
        exit_code=1 if code is None else code & 0xFF,
        worker=worker.value or None if worker is not None and has_worker else None,
        broken=broken,
    )


def agent_names(pod: Pod, container: Container) -> tuple[str, str]:
    """Return the names of the JobSet that a pod's agent watches and of the pod that it speaks for."""
    env = {variable.name: variable for variable in container.env}
    return _value(pod, env[_JOBSET]), _value(pod, env[_POD])


def _image_name(image: str) -> str:
    """Return ``agent`` of ``host:5000/path/agent:tag@digest``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _is_set(variable: EnvVar) -> bool:
    return bool(variable.value) or variable.value_from is not None


def _restarts_all(container: Container) -> bool:
    return any(rule.action == "RestartAllContainers" for rule in container.restart_policy_rules)


def _exit_code(variable: EnvVar | None) -> int | None:
    """Return the exit code that is set; 1 if none is, or none that a manifest shows; None if it is none."""
    if variable is None or not variable.value:
        return 1
    return atoi(variable.value)


def _value(pod: Pod, variable: EnvVar) -> str:
    """Return a variable's value; of a reference what its usual fields are, else nothing."""
    if variable.value_from is None:
        return variable.value
    path = variable.value_from.get("fieldRef", {}).get("fieldPath", "")
    fields = {"metadata.name": pod.metadata.name, "metadata.namespace": pod.metadata.namespace}
    if path in fields:
        return fields[path]
    place, _, key = path.partition("['")
    maps = {"metadata.annotations": pod.metadata.annotations, "metadata.labels": pod.metadata.labels}
    return maps.get(place, {}).get(key.removesuffix("']"), "")
