"""Namespaces at the API server: what is set at their creation, what is refused while one goes.

Source: pkg/registry/core/namespace/strategy.go; apiserver plugin/namespace/lifecycle/admission.go.
"""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.core import Namespace, NamespaceSpec, NamespaceStatus
from jobsim.api.kinds import resource_of
from jobsim.errors import ApiError

#: The finalizer that the namespace controller takes off when a namespace is empty.
KUBERNETES = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"
#: These may not be deleted.
IMMORTAL = ("default", "kube-system", "kube-public")


def new_namespace(namespace: Namespace) -> Namespace:
    """Return a namespace as it is stored when it is new."""
    labels = {**namespace.metadata.labels, NAME_LABEL: namespace.name}
    held = namespace.spec.finalizers
    finalizers = held if KUBERNETES in held else (*held, KUBERNETES)
    return replace(
        namespace,
        metadata=replace(namespace.metadata, labels=labels),
        spec=NamespaceSpec(finalizers=finalizers),
        status=NamespaceStatus(phase="Active"),
    )


def refuse_if_terminating(namespace: Namespace, kind: str, name: str) -> None:
    """Refuse an object that is to be created in a namespace that goes.

    Raises
    ------
    ApiError
        403 with the cause NamespaceTerminating, which is this project's word for its reason.
    """
    if namespace.metadata.deletion_timestamp is None:
        return
    raise ApiError(
        "NamespaceTerminating",
        f'{resource_of(kind)} "{name}" is forbidden: unable to create new content in namespace '
        f"{namespace.name} because it is being terminated",
        code=403,
    )


def refuse_if_immortal(name: str) -> None:
    """Refuse the deletion of a namespace that every cluster needs.

    Raises
    ------
    ApiError
        403 Forbidden.
    """
    if name in IMMORTAL:
        raise ApiError("Forbidden", f'namespaces "{name}" is forbidden: this namespace may not be deleted')
