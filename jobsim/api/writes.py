"""The verbs: what a component asks of the API server.

One vocabulary for controllers (who return them), the Client (who delays them), fault injectors
(who drop them), the Store (who applies them) and the trace.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from jobsim.api._struct import Json, Struct
from jobsim.api.meta import Object
from jobsim.api.pod import PodStatus

Propagation = Literal["", "Foreground", "Background", "Orphan"]


class _Write(Struct):
    VERB: ClassVar[str] = ""


class _ObjectWrite(_Write):
    obj: Object

    @property
    def kind(self) -> str:
        return self.obj.kind

    @property
    def namespace(self) -> str:
        return self.obj.metadata.namespace

    @property
    def name(self) -> str:
        return self.obj.metadata.name


class Create(_ObjectWrite):
    """POST an object; metadata.generateName is expanded by the server."""

    VERB: ClassVar[str] = "create"


class Update(_ObjectWrite):
    """PUT the main resource; a non-empty resourceVersion is a precondition."""

    VERB: ClassVar[str] = "update"


class UpdateStatus(_ObjectWrite):
    """PUT the status subresource; a non-empty resourceVersion is a precondition."""

    VERB: ClassVar[str] = "update-status"


class _KeyWrite(_Write):
    kind: str
    namespace: str
    name: str


class Patch(_KeyWrite):
    """Merge patch of the main resource (RFC 7386); nulls remove."""

    patch: Json
    VERB: ClassVar[str] = "patch"


class PatchStatus(_KeyWrite):
    """Merge patch of the status subresource."""

    patch: Json
    VERB: ClassVar[str] = "patch-status"


class PatchPodStatus(_KeyWrite):
    """Strategic merge patch of a pod's status: fields set in ``status`` replace, conditions merge by type.

    Typed, because kubelets send most writes of a run; counts as verb ``patch-status``.
    """

    status: PodStatus
    uid: str = ""
    VERB: ClassVar[str] = "patch-status"


class PatchFinalizers(_KeyWrite):
    """Take one finalizer off (or, with ``add``, put it on); verb ``patch``, typed for speed."""

    finalizer: str
    add: bool = False
    uid: str = ""
    VERB: ClassVar[str] = "patch"


class Delete(_KeyWrite):
    """DELETE an object.

    ``grace_s`` None asks for the object's own grace period; ``uid`` is a precondition if set.
    """

    propagation: Propagation = ""
    grace_s: int | None = None
    uid: str = ""
    VERB: ClassVar[str] = "delete"


class Bind(Struct):
    """POST pods/binding: give an unbound pod its node."""

    namespace: str
    name: str
    node: str
    uid: str = ""
    VERB: ClassVar[str] = "bind"

    @property
    def kind(self) -> str:
        return "Pod"


class Evict(Struct):
    """POST pods/eviction: delete with PodDisruptionBudgets respected."""

    namespace: str
    name: str
    grace_s: int | None = None
    VERB: ClassVar[str] = "evict"

    @property
    def kind(self) -> str:
        return "Pod"


Write = (
    Create
    | Update
    | UpdateStatus
    | Patch
    | PatchStatus
    | PatchPodStatus
    | PatchFinalizers
    | Delete
    | Bind
    | Evict
)
