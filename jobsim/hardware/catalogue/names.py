"""Names that the catalogue does not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UnknownName(ValueError):
    """The catalogue has no such thing; the text says what there is."""


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownName:
    """Return the error for a name that is not there: the nearest name, and all that are."""
    names = list(known)
    close = difflib.get_close_matches(name[:100].lower(), names, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]}? " if close else ""
    return UnknownName(f'no {what} "{name[:60]}" ({meant}there are {", ".join(names)})')
