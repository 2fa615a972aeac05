"""Which pods a rule or a step of a recorded run speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.api.jobset import (
    JOB_INDEX,
    JOB_RESTART_ATTEMPT,
    JOBSET_NAME,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
)
from jobsim.api.pod import Pod

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
JOB_NAME = "batch.kubernetes.io/job-name"


def facts_of(pod: Pod, attempt: int) -> dict[str, str | int]:
    """Return what a match may ask of a pod.

    Parameters
    ----------
    attempt : int
        How many pods of its Job and index were created before it.
    """
    labels = pod.metadata.labels
    return {
        "jobset": labels.get(JOBSET_NAME, ""),
        "replicatedJob": labels.get(REPLICATED_JOB_NAME, ""),
        "job": labels.get(JOB_NAME, ""),
        "jobIndex": _number(labels.get(JOB_INDEX), -1),
        "index": completion_index(pod),
        "restartAttempt": _number(labels.get(RESTART_ATTEMPT), 0),
        "jobRestartAttempt": _number(labels.get(JOB_RESTART_ATTEMPT), 0),
        "podAttempt": attempt,
    }


def completion_index(pod: Pod) -> int:
    """Return a pod's completion index, -1 if it has none."""
    meta = pod.metadata
    return _number(meta.labels.get(COMPLETION_INDEX, meta.annotations.get(COMPLETION_INDEX)), -1)


def _number(text: str | None, absent: int) -> int:
    return int(text) if text is not None and text.isdigit() else absent


#: What a match may compare.
FACTS = tuple(facts_of(Pod(), 0))


class PodMatch:
    """All comparisons must hold; a list of values means any of them.

    Raises
    ------
    ValueError
        It compares what it cannot.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        unknown = [key for key in asked if key not in FACTS]
        if unknown:
            raise ValueError(f"match: {', '.join(unknown)} is not compared (allowed: {', '.join(FACTS)})")
        self._allowed = {
            key: tuple(value) if isinstance(value, list) else (value,) for key, value in asked.items()
        }

    def __call__(self, facts: Mapping[str, str | int]) -> bool:
        """Tell whether a pod of these facts is meant; numbers may be written as text."""
        return all(
            facts[key] in allowed or str(facts[key]) in allowed for key, allowed in self._allowed.items()
        )
