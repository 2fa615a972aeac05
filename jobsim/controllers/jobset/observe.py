"""What a decision reads (``Seen``), and which changes call for one.

Source: jobset pkg/controllers/jobset_controller.go SetupWithManager, SetupJobSetIndexes @08dfbdfd;
clauses C-QUE-01, C-BKT-01, C-SVC-02, C-IPR-02.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct
from jobsim.api.batch import Job
from jobsim.api.core import Service
from jobsim.api.jobset import JOBSET_NAME, JobSet
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.apiserver import index
from jobsim.controllers.jobset.child import Children, Memo, children_of
from jobsim.controllers.jobset.construct import subdomain
from jobsim.controllers.jobset.gates import Gates
from jobsim.controllers.jobset.in_place_pods import PodSummary, PodTally, summarise
from jobsim.controllers.jobset.in_place_restart import uses_in_place_restart

_GROUP = JobSet.API_VERSION.partition("/")[0]
_OWNED = (Job, Service)
NO_GATES = Gates()


class Seen(Struct, kw_only=False):
    """All that one decision about a JobSet depends on.

    Parameters
    ----------
    jobset : JobSet
    children : sequence of Job
        The Jobs whose controller owner has this JobSet's UID, by name (C-BKT-01).
    service_exists : bool
        Whether a Service of the subdomain's name is there, whoever owns it (C-SVC-02).
    pods : sequence of Pod
        The pods labelled with this JobSet's name (C-IPR-02); read for in-place restart only.
    known : Children or None
        The children as they were looked at already; None: look at them.
    counted : PodSummary or None
        What in-place restart asks of the pods, as it was kept; None: look at them.
    """

    jobset: JobSet
    children: Sequence[Job] = ()
    service_exists: bool = False
    pods: Sequence[Pod] = ()
    known: Children | None = None
    counted: PodSummary | None = None

    def summary(self) -> PodSummary:
        """Return what in-place restart asks of the pods."""
        return summarise(self.pods) if self.counted is None else self.counted

    def looked_at(self) -> Children:
        """Return what decisions ask of each child."""
        if self.known is not None:
            return self.known
        return children_of(self.jobset, self.children)


def observe(
    reader: Reader,
    namespace: str,
    name: str,
    gates: Gates,
    memo: Memo | None = None,
    tally: PodTally | None = None,
) -> Seen | None:
    """Return what a decision about one JobSet reads, or None when the JobSet is gone (C-REC-01).

    Parameters
    ----------
    memo : Memo or None
        What the caller keeps from look to look; changes nothing but the cost.
    tally : PodTally or None
        The pods as the caller was told of them; the same.
    """
    memo = Memo() if memo is None else memo
    jobset = reader.get(JobSet, namespace, name)
    if jobset is None:
        memo.forget((namespace, name))
        return None
    if jobset.terminating:
        return Seen(jobset)
    # The Jobs of the JobSet's namespace that its UID controls (C-BKT-01, C-KEY-04).
    known = memo.children(jobset, reader.by_index(Job, index.OWNER_UID, jobset.metadata.uid))
    return Seen(
        jobset,
        children=known.jobs,
        known=known,
        service_exists=reader.get(Service, namespace, subdomain(jobset)) is not None,
        pods=_pods(reader, jobset, gates) if tally is None else (),
        counted=None if tally is None else tally.summary(),
    )


def _pods(reader: Reader, jobset: JobSet, gates: Gates) -> Sequence[Pod]:
    """Return the pods that in-place restart looks at (C-IPR-02)."""
    if not (gates.in_place_restart and uses_in_place_restart(jobset)):
        return ()
    return reader.by_index(Pod, index.JOBSET, f"{jobset.metadata.namespace}/{jobset.metadata.name}")


def wakes(event: WatchEvent, reader: Reader, gates: Gates = NO_GATES) -> list[Wake]:
    """Return the JobSets to look at after a change (C-QUE-01), without delay.

    Owners are followed by name, so a change of a child of a deleted namesake wakes the new JobSet.
    """
    obj, old = event.obj, event.old
    names = [_woken(obj, gates)]
    if old is not None:
        before = _woken(old, gates)
        if before != names[0]:
            names.append(before)
    namespace = obj.metadata.namespace
    return [Wake(namespace=namespace, name=name) for name in names if name]


def _woken(obj: Object, gates: Gates) -> str:
    """Return the name of the JobSet that a change of this object concerns, or nothing."""
    if isinstance(obj, JobSet):
        return obj.metadata.name
    if isinstance(obj, _OWNED):
        owner = obj.controller()
        if owner is not None and owner.kind == JobSet.KIND and owner.api_version.partition("/")[0] == _GROUP:
            return owner.name
        return ""
    if isinstance(obj, Pod) and gates.in_place_restart:
        return obj.metadata.labels.get(JOBSET_NAME, "")
    return ""
