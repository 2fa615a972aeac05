"""What the API server refused, printed as ``kubectl create`` does, with the lines of the file in front.

Source: kubectl pkg/cmd/util/helpers.go checkErr, AddSourceToErr, MultilineError, StandardErrorMessage.
Differs: each text has ``FILE:LINE:`` in front; several field errors have a line each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jobsim.apiserver.schema_errors import ClientError, DocumentError, InvalidError, parse_path
from jobsim.errors import ApiError
from jobsim.scenario.manifests import Manifest


class Refusal(NamedTuple):
    """A manifest and the API server's answer to it."""

    manifest: Manifest
    error: ApiError

    def __str__(self) -> str:
        return "\n".join(lines(self.manifest, self.error))


def lines(manifest: Manifest, error: ApiError) -> Iterator[str]:
    """Yield the lines that say what is wrong with a manifest, and where.

    Parameters
    ----------
    manifest : Manifest
    error : ApiError
        The API server's answer.
    """
    if isinstance(error, InvalidError) and error.fields:
        yield from _invalid(manifest, error)
        return
    place = _place(manifest, manifest.line)
    if isinstance(error, DocumentError) and error.found:
        place = _place(manifest, manifest.line_of(error.found[0][0]))
    source = f'error when creating "{manifest.file}": ' if manifest.file else ""
    if isinstance(error, ClientError):
        yield f"{place}error: {error.message}"
    elif error.reason == "Invalid" and " is invalid: " in error.message:
        why = error.message.partition(" is invalid: ")[2]
        yield f"{place}The {_quoted(manifest, error)} is invalid: {why}"
    else:
        reason = f" ({error.reason})" if error.reason else ""
        yield f"{place}Error from server{reason}: {source}{error.message}"


def _invalid(manifest: Manifest, error: InvalidError) -> Iterator[str]:
    """Yield a text with its field errors, each with its line."""
    head = f"The {_quoted(manifest, error)} is invalid:"
    texts: dict[str, int | None] = {}
    for cause in error.fields:
        texts.setdefault(
            cause.text, manifest.line_of(parse_path(cause.path)) if cause.path else manifest.line
        )
    if len(texts) == 1:
        [(text, line)] = texts.items()
        yield f"{_place(manifest, line)}{head} {text}"
        return
    yield f"{_place(manifest, manifest.line)}{head}"
    for text, line in texts.items():
        yield f"{_place(manifest, line)}* {text}"


def _quoted(manifest: Manifest, error: ApiError) -> str:
    """Return kind and name as the answer's details have them."""
    name = error.message.partition(" is invalid: ")[0].rpartition(" ")[2]
    return f"{manifest.kind} {name}"


def _place(manifest: Manifest, line: int | None) -> str:
    if not manifest.file:
        return ""
    return f"{manifest.file}:{line}: " if line is not None else f"{manifest.file}: "
