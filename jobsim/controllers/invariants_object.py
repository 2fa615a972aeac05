"""Laws that hold for every object: what the API server promises (C-ENV-01, C-API-01, K-JOB-03, K-JOB-124)."""

from __future__ import annotations

from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.controllers.invariants_law import Law, Scene

#: Finalizers that a delete request may bring (K-JOB-122).
_BY_DELETE = ("foregroundDeletion", "orphan")


def identity_kept(old: Object, new: Object, scene: Scene) -> str:
    """UID, name and creation time never change (C-ENV-01)."""
    was, now = old.metadata, new.metadata
    if (was.uid, was.creation_timestamp) != (now.uid, now.creation_timestamp):
        return f"was {was.uid} of {was.creation_timestamp}, is {now.uid} of {now.creation_timestamp}"
    return ""


def revision_grows(old: Object, new: Object, scene: Scene) -> str:
    """Each write raises the resourceVersion (C-ENV-01)."""
    was, now = old.metadata.resource_version, new.metadata.resource_version
    return "" if int(now) > int(was) else f"resourceVersion {was} became {now}"


def generation_grows(old: Object, new: Object, scene: Scene) -> str:
    """The generation grows by one with a spec change or the first deletion mark (C-API-01, K-JOB-03).

    A binding is no update of a pod: it leaves the generation.
    """
    was, now = old.metadata, new.metadata
    grown = now.generation - was.generation
    spec_changed = getattr(old, "spec", None) != getattr(new, "spec", None)
    marked = was.deletion_timestamp is None and now.deletion_timestamp is not None
    bound = spec_changed and isinstance(old, Pod) and not old.spec.node_name
    if grown == (spec_changed or marked) or (grown == 0 and (bound or was.generation == 0)):
        return ""
    return f"generation {was.generation} became {now.generation}"


def deletion_mark_stays(old: Object, new: Object, scene: Scene) -> str:
    """A deletion mark is never taken back, and its end only comes nearer (K-POD-40, K-JOB-122)."""
    was, now = old.metadata, new.metadata
    if was.deletion_timestamp is None:
        return ""
    if now.deletion_timestamp is None:
        return "its deletion was taken back"
    if now.deletion_timestamp > was.deletion_timestamp:
        return f"its deletion moved from {was.deletion_timestamp} to {now.deletion_timestamp}"
    if (now.deletion_grace_period_seconds or 0) > (was.deletion_grace_period_seconds or 0):
        return "its grace period became longer"
    return ""


def no_late_finalizers(old: Object, new: Object, scene: Scene) -> str:
    """An object on its way out gets no finalizer but those of deletion itself (C-ENV-01)."""
    if old.metadata.deletion_timestamp is None or new.metadata.finalizers is old.metadata.finalizers:
        return ""
    late = [f for f in new.metadata.finalizers if f not in (*old.metadata.finalizers, *_BY_DELETE)]
    return f"got {late} while being deleted" if late else ""


def one_controller(old: Object | None, new: Object, scene: Scene) -> str:
    """At most one owner is the controller (C-CRE-05, K-JOB-35)."""
    refs = new.metadata.owner_references
    if len(refs) < 2 or (old is not None and refs is old.metadata.owner_references):
        return ""
    return "two controllers" if sum(bool(ref.controller) for ref in refs) > 1 else ""


def never_stolen(old: Object, new: Object, scene: Scene) -> str:
    """A controlled object is released before another controls it (C-BKT-01, K-JOB-20.7)."""
    if new.metadata.owner_references is old.metadata.owner_references:
        return ""
    was, now = old.controller(), new.controller()
    if was is not None and now is not None and was.uid != now.uid:
        return f"went from {was.kind} {was.uid} to {now.kind} {now.uid}"
    return ""


def gone_unheld(old: Object, new: Object, scene: Scene) -> str:
    """An object goes only without finalizers (K-JOB-124)."""
    held = new.metadata.finalizers
    return f"went with finalizers {held}" if held else ""


LAWS: tuple[Law, ...] = (
    Law("identity-kept", "C-ENV-01", identity_kept, "changed"),
    Law("revision-grows", "C-ENV-01", revision_grows, "changed"),
    Law("generation-grows", "K-JOB-03", generation_grows, "changed"),
    Law("deletion-mark-stays", "K-POD-40", deletion_mark_stays, "changed"),
    Law("no-late-finalizers", "C-ENV-01", no_late_finalizers, "changed"),
    Law("one-controller-at-birth", "C-CRE-05", one_controller, "born"),
    Law("one-controller", "C-CRE-05", one_controller, "changed"),
    Law("never-stolen", "C-BKT-01", never_stolen, "changed"),
    Law("gone-unheld", "K-JOB-124", gone_unheld, "gone"),
)
