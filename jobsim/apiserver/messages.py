"""The API server's words for what goes wrong with an object as a whole.

Source: apimachinery pkg/api/errors/errors.go.
"""

from __future__ import annotations

from jobsim.api.kinds import resource_of
from jobsim.errors import ApiError


def not_found(kind: str, name: str) -> ApiError:
    """Return the error for an object that is not there."""
    return ApiError("NotFound", f'{resource_of(kind)} "{name}" not found')


def already_exists(kind: str, name: str) -> ApiError:
    """Return the error for a name that is taken."""
    return ApiError("AlreadyExists", f'{resource_of(kind)} "{name}" already exists')


def conflict(kind: str, name: str, why: str = "") -> ApiError:
    """Return the error for a stale resourceVersion, or another failed precondition."""
    text = (
        why or "the object has been modified; please apply your changes to the latest version and try again"
    )
    return ApiError("Conflict", f'Operation cannot be fulfilled on {resource_of(kind)} "{name}": {text}')


def uid_conflict(kind: str, name: str, wanted: str, found: str) -> ApiError:
    """Return the error for a delete or update that meant another object of the same name."""
    return conflict(kind, name, _uids(wanted, found))


def replaced_conflict(kind: str, namespace: str, name: str, wanted: str, found: str) -> ApiError:
    """Return the error for a PUT of an object of which another now has the name (etcd3 store.go)."""
    plural, _, group = resource_of(kind).partition(".")
    key = "/".join(filter(None, (group, plural, namespace, name)))
    why = f"StorageError: invalid object, Code: 4, Key: /{key}, ResourceVersion: 0, AdditionalErrorMsg: "
    return conflict(kind, name, why + _uids(wanted, found))


def _uids(wanted: str, found: str) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"


def too_many_requests() -> ApiError:
    """Return the answer of a server that has enough to do (priority and fairness)."""
    return ApiError("TooManyRequests", "the server has received too many requests, try again later")


def internal_error(why: str) -> ApiError:
    """Return the answer of a server that failed."""
    return ApiError("InternalError", f"Internal error occurred: {why}")


def timeout() -> ApiError:
    """Return the answer of a server that does not know what became of a request."""
    return ApiError("Timeout", "Timeout: request did not complete within the allotted timeout")
