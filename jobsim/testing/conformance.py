"""Recorded decisions of the real controllers, run through the product's own cores.

A case says what a real controller saw and what it then did.  Here its cache becomes a Reader, the
core decides, the executor carries the plan out against the recorded faults, and what was sent is
compared in normal form.  Nothing in this file decides anything.

Forms are registered in ``FORMS``; one that is not known is counted as skipped and named.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from jobsim.api.codec import DecodeError
from jobsim.api.quantity import QuantityError
from jobsim.errors import InputError, reason
from jobsim.testing import (
    conformance_admission,
    conformance_job,
    conformance_reconcile,
    conformance_scheduler,
)
from jobsim.testing.conformance_case import Case, Verdict, need
from jobsim.testing.conformance_shape import check_shape

Runner = Callable[[Case], Verdict]

#: Who runs which form.  ``admission`` needs a reader of YAML and ``e2e`` a runtime: both lie beside or
#: above this package, so whoever has them adds their runners (``e2e.forms``).
FORMS: dict[str, Runner] = {
    "jobset-reconcile": conformance_reconcile.run_jobset,
    "pod-reconcile": conformance_reconcile.run_pod,
    "jobset-default": conformance_admission.run_default,
    "jobset-validate": conformance_admission.run_validate,
    "pod-mutate": conformance_admission.run_pod_mutate,
    "pod-validate": conformance_admission.run_pod_validate,
    "job-episode": conformance_job.run_episode,
    "scheduler-cycle": conformance_scheduler.run_cycle,
}


class CaseResult(NamedTuple):
    """What became of one case.

    ``expected`` and ``got`` are plain data; they are equal exactly if the case passed.
    """

    case: str
    form: str
    passed: bool
    skipped: bool
    expected: object
    got: object


class Count(NamedTuple):
    """How many cases of one form passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


class Report(NamedTuple):
    """The outcome of many cases, by form in order of first appearance."""

    forms: Mapping[str, Count]
    failures: Sequence[CaseResult]

    @property
    def failed(self) -> list[str]:
        """The ids of the cases that failed."""
        return [result.case for result in self.failures]

    @property
    def total(self) -> Count:
        """The sums over all forms."""
        counts = self.forms.values()
        return Count(*(sum(column) for column in zip(*counts, strict=True))) if counts else Count()


def run_case(case: Mapping[str, Any], forms: Mapping[str, Runner] = FORMS) -> CaseResult:
    """Run one recorded case.

    Parameters
    ----------
    case : mapping
    forms : mapping of str to callable
        Who runs which form.

    Raises
    ------
    InputError
        The case lacks what every case has, or its objects cannot be read.
    """
    for key in ("case", "of", "expect"):
        need(case, key)
    check_shape(case)
    name, form = case["case"], case["of"]
    runner = forms.get(form)
    if runner is None:
        return CaseResult(name, form, passed=False, skipped=True, expected=None, got=None)
    try:
        verdict = runner(case)
    except (DecodeError, QuantityError) as err:
        raise InputError(f"case {name}: {err}") from None
    passed = verdict.expected == verdict.got
    return CaseResult(name, form, passed=passed, skipped=False, expected=verdict.expected, got=verdict.got)


def read_cases(path: str | Path) -> Iterator[dict[str, Any]]:
    """Return the cases of a file of JSON lines, plain or gzip, one by one.

    Raises
    ------
    InputError
        The file or one of its lines cannot be read.
    """
    return (case for _, case in _numbered_cases(path))


def _numbered_cases(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the cases of a file with their lines; a whole run is a file of its own."""
    if Path(path).suffix == ".json":
        run = _whole_run(Path(path))
        if run is not None:
            yield 1, run
            return
    for number, line in _lines(Path(path)):
        try:
            case = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as err:
            raise InputError(f"no JSON: {err}", file=str(path), line=number) from None
        if not isinstance(case, dict):
            raise InputError("a case is a JSON object", file=str(path), line=number)
        yield number, case


def _no_constant(word: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python takes for JSON."""
    raise ValueError(f"{word} is no number")


def _whole_run(file: Path) -> dict[str, Any] | None:
    """Return a recorded run as a case, if a file holds one JSON object with an ``id`` and a ``truth``."""
    try:
        document = json.loads(file.read_bytes())
    except OSError as err:
        raise InputError(f"cannot be read: {reason(err)}", file=str(file)) from None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not {"id", "truth"} <= document.keys():
        return None
    return {**document, "case": document["id"], "of": "e2e", "expect": document["truth"]}


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines of a file that are not empty."""
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(file) if zipped else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(f"cannot be read: {reason(err)}", file=str(file)) from None


def run_files(
    paths: Sequence[str | Path],
    only: str | None = None,
    *,
    fail_fast: bool = False,
    forms: Mapping[str, Runner] = FORMS,
) -> Report:
    """Run the cases of files.

    Parameters
    ----------
    paths : sequence of path
    only : str, optional
        The id of the one case to run.
    fail_fast : bool
        Stop at the first failure.
    forms : mapping of str to callable
        Who runs which form.

    Raises
    ------
    InputError
        A file, a line or a case cannot be read, or no case has the id asked for.
    """
    counts: dict[str, Count] = {}
    failures: list[CaseResult] = []
    for path in paths:
        for line, case in _numbered_cases(path):
            if only is not None and case.get("case") != only:
                continue
            result = _run_at(path, line, case, forms)
            counts[result.form] = _counted(counts.get(result.form, Count()), result)
            if not (result.passed or result.skipped):
                failures.append(result)
                if fail_fast:
                    return Report(counts, failures)
    if only is not None and not counts:
        raise InputError(f"no case is called {only!r}")
    return Report(counts, failures)


def _run_at(path: str | Path, line: int, case: Mapping[str, Any], forms: Mapping[str, Runner]) -> CaseResult:
    """Run a case; an error names its place."""
    try:
        return run_case(case, forms)
    except InputError as err:
        raise InputError(err.text, file=str(path), line=line) from err


def _counted(count: Count, result: CaseResult) -> Count:
    if result.skipped:
        return count._replace(skipped=count.skipped + 1)
    if result.passed:
        return count._replace(passed=count.passed + 1)
    return count._replace(failed=count.failed + 1)
