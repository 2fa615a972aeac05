"""What a law of the cluster is made of; the laws themselves lie beside this file, by kind.

A law is a pure function ``(old, new, scene) -> str``: what is wrong, or nothing.  It is asked about one
change only where its ``when`` says, so the usual change (a pod's status) meets few of them, and none looks
further than the change's own neighbours.

Decisions travel: a pass may act on what was true when it began.  What a law ``needs`` says where it is asked:
some hold only where no cache lags (``calm``), some also there but not where the answer to a write that was
made gets lost (``honest``), most of them always (C-CCH-01, C-ENV-06).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from jobsim.api.batch import Job
from jobsim.api.jobset import CONTROLLER_NAME, JobSet
from jobsim.api.meta import Object, is_true
from jobsim.api.reader import Reader
from jobsim.controllers.jobset.gates import Gates

#: What kind of change a law is about: a creation, a change of the status, of the spec, of anything, the end.
When = Literal["born", "status", "spec", "changed", "gone"]
#: What a law needs to hold.
Needs = Literal["", "honest", "calm"]


class Violation(NamedTuple):
    """A law that was broken, by which object, and how."""

    law: str
    clause: str
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text} [{self.law}, {self.clause}]"


class Scene(NamedTuple):
    """What a law may look at besides the change.

    Parameters
    ----------
    reader : Reader
        The store, with the change applied.
    gates : Gates
    idle : mapping of str to True
        Jobs, by UID, that are suspended and whose controller has said so since.
    latest : mapping of (str, str) to str
        By a Job's UID and an index: the name of the pod that was made for it last.
    counted : mapping of str to set of str
        By a Job's UID: the UIDs of pods that have become counts.
    """

    reader: Reader
    gates: Gates
    idle: dict[str, bool]
    latest: dict[tuple[str, str], str]
    counted: dict[str, set[str]]


class Law(NamedTuple):
    """One row of a table of laws.

    Parameters
    ----------
    name, clause : str
    check : callable
        ``(old, new, scene) -> str``; ``old`` is None for a creation, ``new`` is as it was last for an end.
    when : When
    needs : Needs
    """

    name: str
    clause: str
    check: Callable[[Any, Any, Scene], str]
    when: When = "status"
    needs: Needs = ""


class SettledLaw(NamedTuple):
    """One row of the table of laws about a cluster in which nothing is left to happen."""

    name: str
    clause: str
    check: Callable[[Any, Scene], str]


def ours(jobset: JobSet) -> bool:
    """Tell whether our controller manages a JobSet; else its status is anybody's (C-MGD-03)."""
    return jobset.spec.managed_by in (None, CONTROLLER_NAME)


def finished(obj: JobSet | Job) -> bool:
    """Tell whether a JobSet or Job has a terminal condition."""
    conditions = obj.status.conditions
    success = "Completed" if isinstance(obj, JobSet) else "Complete"
    return bool(conditions) and (is_true(conditions, success) or is_true(conditions, "Failed"))


def owner_jobset(job: Object, reader: Reader) -> JobSet | None:
    """Return the JobSet that controls an object, if that very JobSet is there."""
    ref = job.controller()
    if ref is None or ref.kind != JobSet.KIND:
        return None
    jobset = reader.get(JobSet, job.metadata.namespace, ref.name)
    return jobset if jobset is not None and jobset.uid == ref.uid else None


def owner_job(pod: Object, reader: Reader) -> Job | None:
    """Return the Job that controls an object, if that very Job is there."""
    ref = pod.controller()
    if ref is None or ref.kind != Job.KIND:
        return None
    job = reader.get(Job, pod.metadata.namespace, ref.name)
    return job if job is not None and job.uid == ref.uid else None
