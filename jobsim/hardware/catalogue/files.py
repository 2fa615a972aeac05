"""Reading the catalogue's own files and users': entries by name, each on its base, all errors at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jobsim.api import codec
from jobsim.api._struct import Struct
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue.names import UnknownName, unknown

_HERE = Path(__file__).resolve().parent
E = TypeVar("E", bound=Struct)
#: What cannot be about an entry: (field as in files, what is wrong and what is allowed).
Faults = Callable[[Any], Iterator[tuple[str, str]]]


class Kind(NamedTuple):
    """What a catalogue lists: ``{key: [{"name": ...}, ...]}`` in ``key.json`` and in users' files."""

    key: str
    word: str
    faults: Faults


def load(kind: Kind, type_: type[E], files: Iterable[str | Path]) -> dict[str, E]:
    """Return all entries by name: the catalogue's, in its order, then those of users' files.

    Raises
    ------
    InputErrors
        With all that is wrong in a user's file.
    """
    found: dict[str, E] = {}
    own = json.loads((_HERE / f"{kind.key}.json").read_bytes())
    _add(found, own[kind.key], kind, type_, f"{kind.key}.json")
    for file in files:
        _add(found, _entries(Path(file), kind), kind, type_, str(file))
    return found


def _entries(file: Path, kind: Kind) -> Sequence[Any]:
    """Return what a user's file lists, as it is."""
    try:
        data = json.loads(file.read_bytes())
    except OSError as err:
        raise InputError(f"cannot be read: {err.strerror or err}", file=str(file)) from None
    except json.JSONDecodeError as err:
        raise InputError(f"is not JSON: {err.msg}", file=str(file), line=err.lineno) from None
    except (UnicodeDecodeError, RecursionError):
        raise InputError("is not JSON", file=str(file)) from None
    entries = (
        data.get(kind.key, []) if isinstance(data, dict) and data.keys() & {"shapes", "fabrics"} else None
    )
    if not isinstance(entries, list):
        text = 'is no catalogue ({"shapes": [{"name": ...}, ...], "fabrics": [...]}, one of them or both)'
        raise InputError(text, file=str(file))
    return entries


def _add(known: dict[str, E], entries: Sequence[Any], kind: Kind, type_: type[E], file: str) -> None:
    """Add entries, each on its base; all errors of the file come at once."""
    wrong: list[InputError] = []
    for i, entry in enumerate(entries):
        path = f"{kind.key}[{i}]"
        try:
            one = _read(known, entry, kind, type_)
        except (UnknownName, codec.DecodeError) as err:
            field, text = split_path(str(err))
            wrong.append(InputError(text, file=file, path=path + field))
            continue
        bad = [InputError(text, file=file, path=f"{path}.{name}") for name, text in kind.faults(one)]
        wrong += bad
        if not bad:
            known[entry["name"]] = one
    if wrong:
        raise InputErrors(wrong)


def _read(known: Mapping[str, E], entry: Any, kind: Kind, type_: type[E]) -> E:
    base = entry.get("base") if isinstance(entry, dict) else None
    if isinstance(base, str) and base:
        if base not in known:
            raise unknown(kind.word, base, known)
        inherited = codec.to_data(known[base])
        entry = {key: value for key, value in inherited.items() if key not in ("title", "source")} | entry
    return codec.convert(entry, type_)


def split_path(text: str) -> tuple[str, str]:
    """Return where in an entry the codec found something wrong (``.nic``), and what."""
    at = re.search(r" - at `\$(?P<path>[^`]*)`$", text)
    return (at["path"], text[: at.start()]) if at else ("", text)
