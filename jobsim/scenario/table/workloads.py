"""``workloads``: the training that a gang of pods does."""

from __future__ import annotations

from typing import Any

from jobsim import laws
from jobsim.scenario.check import Either, Forms, Key, Leaf, ListOf, Record
from jobsim.scenario.leaves import (
    BOOLEAN,
    LAW,
    LAW_FORMS,
    NAME,
    POSITIVE,
    QUANTITY,
    SHARE,
    choice,
    one_key,
    text,
    whole,
)
from jobsim.scenario.model import (
    CheckpointLevel,
    CheckpointSpec,
    Collective,
    StepModel,
    WorkloadMatch,
    WorkloadSpec,
)
from jobsim.scenario.table.step_model import STEP_MODEL


def _every(raw: Any) -> tuple[int, int]:
    """Return (nanoseconds, steps), one of them 0."""
    if isinstance(raw, str) and raw.endswith(" steps"):
        digits = raw.removesuffix(" steps")
        if digits.isascii() and digits.isdigit() and 0 < len(digits) < 10 and int(digits):
            return 0, int(digits)
    return POSITIVE.parse(raw), 0


_EVERY_ALLOWED = "a duration above zero, or steps as {steps: N}"
_EVERY = Either(
    allowed=_EVERY_ALLOWED,
    scalar=Leaf(_EVERY_ALLOWED, _every, POSITIVE.schema()),
    map=Record(lambda steps: (0, steps), {"steps": Key(whole(1), required=True)}),
)


def _level(**fields: Any) -> CheckpointLevel:
    every, steps = fields.pop("every")
    return CheckpointLevel(every=every, every_steps=steps, **fields)


def _checkpoint(**fields: Any) -> CheckpointSpec:
    if "every" not in fields and not fields.get("levels"):
        raise ValueError("every is missing (a duration or steps, or levels)")
    if "every" not in fields and (lost := [k for k in fields if k not in ("levels", "on_termination")]):
        raise ValueError(f"{lost[0]} has no meaning beside levels (each level has its own, or every)")
    every, steps = fields.pop("every", (0, 0))
    return CheckpointSpec(every=every, every_steps=steps, **fields)


_LEVEL = {
    "write": Key(LAW, "blocks the steps [0s]"),
    "load": Key(LAW, "to read it after an interruption [0s]"),
    "mode": Key(choice("blocking", "async"), "async: usable only `persist` after the write"),
    "persist": Key(LAW, "[0s]"),
    "survives": Key(SHARE, "share of failures that it outlives [1]"),
    "name": Key(text("a name")),
}
_CHECKPOINT = Record(
    _checkpoint,
    {
        "every": Key(_EVERY, "useful time or steps between two writes"),
        **_LEVEL,
        "onTermination": Key(BOOLEAN, "written inside the grace period when it fits"),
        "levels": Key(ListOf(Record(_level, {"every": Key(_EVERY, required=True), **_LEVEL}), least=1)),
    },
)


def _workload(**fields: Any) -> WorkloadSpec:
    if "steps" in fields and "useful" in fields:
        raise ValueError("both steps and useful are given (one of them)")
    workload = WorkloadSpec(**fields)
    if not isinstance(workload.step, StepModel) and laws.mean(workload.step) < 1:
        raise ValueError("step takes no time (a duration or law above zero)")
    return workload


_STEP_MODEL = {"model": (STEP_MODEL, lambda value: value)}
WORKLOAD = Record(
    _workload,
    {
        "match": Key(
            Record(
                WorkloadMatch,
                {
                    "jobset": Key(NAME, required=True),
                    "namespace": Key(NAME),
                    "replicatedJobs": Key(ListOf(NAME)),
                },
            ),
            "the gang",
            required=True,
        ),
        "step": Key(
            Either(
                allowed=f"{LAW.allowed}, or model",
                scalar=Leaf(
                    POSITIVE.allowed, lambda raw: laws.Fixed(value=POSITIVE.parse(raw)), POSITIVE.schema()
                ),
                map=Forms({**LAW_FORMS.forms, **one_key(_STEP_MODEL, "").forms}),
            ),
            "one step on nominal hardware",
            required=True,
        ),
        "collectives": Key(
            ListOf(
                Record(
                    Collective,
                    {
                        "op": Key(
                            choice(
                                "all-reduce",
                                "all-gather",
                                "reduce-scatter",
                                "all-to-all",
                                "broadcast",
                                "send",
                            ),
                            required=True,
                        ),
                        "bytes": Key(QUANTITY, required=True),
                        "overlap": Key(SHARE, "share hidden behind computing [0]"),
                    },
                )
            ),
            "priced on the placement and added to the step",
        ),
        "steps": Key(whole(1, 10**15), "until the work is done"),
        "useful": Key(POSITIVE, "the same as step time"),
        "init": Key(LAW, "rendezvous, after the last pod is ready [0s]"),
        "checkpoint": Key(_CHECKPOINT),
    },
)
