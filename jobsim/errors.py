"""Errors, and who is wrong.

::

    JobsimError
    ├── ApiError        the API server answered no: expected, handled by the five plan rules
    └── InputError      a file or an argument of the user is wrong: file, line, field, what is allowed

Our own mistakes are ``assert``s and are never caught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class JobsimError(Exception):
    """Base of all errors that jobsim raises on purpose."""


#: HTTP code by metav1.StatusReason (apimachinery pkg/api/errors).
CODES: Mapping[str, int] = {
    "BadRequest": 400,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Gone": 410,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "Timeout": 504,
}


class ApiError(JobsimError):
    """An answer of the API server that is not a success.

    Parameters
    ----------
    reason : str
        metav1.StatusReason, a key of ``CODES`` (or another word, then ``code`` must be given).
    message : str
        The server's text, as a client prints it.
    causes : sequence of str
        The texts of single field errors, in order, where there are any.
    """

    def __init__(
        self, reason: str, message: str, *, causes: Sequence[str] = (), code: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = CODES[reason] if code is None else code
        self.causes = tuple(causes)


class InputError(JobsimError):
    """Something in a user's file or argument is wrong; prints as ``FILE:LINE: path: text``.

    Parameters
    ----------
    text : str
        What is wrong, and in brackets what is allowed.
    file, line, path :
        Where; each may be absent.
    """

    def __init__(self, text: str, *, file: str = "", line: int | None = None, path: str = "") -> None:
        self.text = text
        self.file = file
        self.line = line
        self.path = path
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        return ": ".join(part for part in (place, self.path, self.text) if part)


def reason(err: Exception) -> str:
    """Return why the system could not do something, without its number and its file name.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory", "x"))
    'no such file or directory'
    """
    return (getattr(err, "strerror", None) or str(err)).lower()


class InputErrors(JobsimError):
    """All errors of one or more files at once, in the order of their lines."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(e) for e in self.errors))
