"""A history of a world as text: a file to read, a token of one line to run again.

The file has the shape of a Scenario's sections (JSON is YAML); the token is the same, packed.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from jobsim.api import codec
from jobsim.controllers.jobset import Gates
from jobsim.errors import InputError
from jobsim.testing.faults import FAULTS
from jobsim.testing.machine_world import STEPS, BrokenError, Case, Step, World

PREFIX = "jobsim-replay-1."
_GATES = {
    "InPlaceRestart": "in_place_restart",
    "RestartJob": "restart_job",
    "ElasticJobSet": "elastic_jobset",
}


def document(case: Case, steps: Sequence[Step], *, settle: bool) -> dict[str, Any]:
    """Return a history as plain data."""
    gates = {word: getattr(case.gates, field) for word, field in _GATES.items()}
    return {
        "kind": "Replay",
        "jobset": {"version": case.gates.version, "gates": gates},
        "fleet": {"racks": case.racks, "nodesPerRack": case.nodes_per_rack},
        "calm": case.calm,
        "honest": case.honest,
        "script": dict(case.script),
        "manifests": [dict(case.manifest)],
        "steps": [list(step) for step in steps],
        "settle": settle,
    }


def text(history: Mapping[str, Any]) -> str:
    """Return a history as YAML: one line a section, one a step."""
    lines = []
    for key, value in history.items():
        if key in ("manifests", "steps"):
            lines.append(f"{key}:" if value else f"{key}: []")
            lines += [f"- {json.dumps(item)}" for item in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def token(history: Mapping[str, Any]) -> str:
    """Return a history as one word."""
    packed = zlib.compress(json.dumps(history, separators=(",", ":")).encode(), 9)
    return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_token(word: str) -> dict[str, Any]:
    """Return the history that a token holds.

    Raises
    ------
    InputError
        It is no token of ours, or it is damaged.
    """
    body = word.strip().removeprefix(PREFIX)
    if body == word.strip():
        raise InputError(f"is no replay token (they begin with {PREFIX})")
    try:
        raw = zlib.decompress(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        history = json.loads(raw)
    except (binascii.Error, zlib.error, ValueError):
        raise InputError("is a damaged replay token") from None
    if not isinstance(history, dict) or history.get("kind") != "Replay":
        raise InputError("is a damaged replay token")
    return history


def replay(history: Mapping[str, Any] | str) -> World:
    """Run a history again; return the world as it is after it.

    Parameters
    ----------
    history : mapping or str
        A history, or its token.

    Raises
    ------
    BrokenError
        A law is broken, as it was before.
    InputError
        It is no history.
    ApiError
        The API server refuses the manifest.
    """
    if isinstance(history, str):
        history = read_token(history)
    try:
        case = _case(history)
        steps = [list(step) for step in history["steps"]]
        settle = bool(history["settle"])
    except KeyError as err:
        raise InputError(f"is no history: it has no {err.args[0]} (what jobsim fuzz has printed)") from None
    except (TypeError, ValueError, IndexError, AttributeError, codec.DecodeError) as err:
        raise InputError(f"is no history: {err} (what jobsim fuzz has printed)") from None
    strange = [step for step in steps if not _is_step(step)]
    if strange:
        raise InputError(f"has a step {strange[0]} (a word of {', '.join(STEPS)}, and its numbers)")
    world = World(case)
    for step in steps:
        world.do(step)
    if settle:
        world.settle()
    return world


def _is_step(step: Sequence[Any]) -> bool:
    """Tell whether a step is a word that is known, with as many numbers (or faults) as it takes."""
    if not step or step[0] not in STEPS:
        return False
    word, *values = step
    try:
        signature(STEPS[word]).bind(None, *values)
    except TypeError:
        return False
    return all(type(value) is int or value in FAULTS for value in values)


def _case(history: Mapping[str, Any]) -> Case:
    options = history["jobset"]
    gates = {_GATES[word]: bool(on) for word, on in options["gates"].items()}
    return Case(
        manifest=history["manifests"][0],
        gates=Gates(version=options["version"], **gates),
        racks=int(history["fleet"]["racks"]),
        nodes_per_rack=int(history["fleet"]["nodesPerRack"]),
        calm=bool(history["calm"]),
        honest=bool(history["honest"]),
        script={str(place): int(code) for place, code in history["script"].items()},
    )


def told(err: BrokenError, case: Case, steps: Sequence[Step], *, settle: bool) -> BrokenError:
    """Return an error that also tells how to get there again."""
    history = document(case, steps, settle=settle)
    told = f"{err}\n\nThe history:\n{text(history)}\nAgain: jobsim replay {token(history)}"
    return BrokenError(told, err.laws, history)
