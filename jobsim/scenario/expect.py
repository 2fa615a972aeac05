"""Expectations: section ``expect`` held against the summary of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jobsim.scenario.model import Bounds, Expectation, JobSetExpectation, PodsExpectation


class Verdict(NamedTuple):
    """What became of one thing that was expected.

    Attributes
    ----------
    subject : str
        ``jobset train`` or ``pods``.
    key : str
        The key of the Scenario file: ``restarts``.
    expected, found : str
        As text: ``at least 0.9``, ``0.87``.
    ok : bool
    """

    subject: str
    key: str
    expected: str
    found: str
    ok: bool

    @property
    def text(self) -> str:
        """One line that says it all."""
        line = f"{self.subject}: {self.key} {self.expected}".rstrip()
        return line if self.ok and self.expected == self.found else f"{line}, is {self.found}"


#: Keys of an expectation about a JobSet that are numbers: attribute, key here and in the summary.
_NUMBERS = (
    ("restarts", "restarts"),
    ("restarts_count_towards_max", "restartsCountTowardsMax"),
    ("ettr", "ettr"),
)


def evaluate(expectations: Sequence[Expectation], summary: Mapping[str, Any]) -> list[Verdict]:
    """Return what became of each expectation, a verdict for each of its keys.

    Parameters
    ----------
    expectations : sequence of Expectation
    summary : mapping
        Of the run.  Where several JobSets had one name, one after the other, the last one counts.
    """
    verdicts: list[Verdict] = []
    for wish in expectations:
        if isinstance(wish, PodsExpectation):
            verdicts += [_number("pods", key, bounds, summary["pods"][key]) for key, bounds in wish.pods]
            continue
        place = "" if wish.namespace == "default" else f"{wish.namespace}/"
        subject = f"jobset {place}{wish.jobset}"
        named = [
            j for j in summary["jobsets"] if (j["namespace"], j["name"]) == (wish.namespace, wish.jobset)
        ]
        if not named:
            verdicts.append(Verdict(subject, "exists", "", "not there", ok=False))
            continue
        found = named[-1]
        if wish == JobSetExpectation(jobset=wish.jobset, namespace=wish.namespace):
            verdicts.append(Verdict(subject, "exists", "", "", ok=True))
        verdicts += _state(subject, wish.terminal_state, found["terminalState"])
        for attribute, key in _NUMBERS:
            bounds = getattr(wish, attribute)
            if bounds is not None:
                verdicts.append(_number(subject, key, bounds, found[key]))
    return verdicts


def as_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return verdicts as plain data, for the summary."""
    return [{**verdict._asdict(), "text": verdict.text} for verdict in verdicts]


def _state(subject: str, expected: str | None, found: str) -> Iterator[Verdict]:
    if expected is not None:
        unfinished = "none (not finished)"
        yield Verdict(
            subject, "terminalState", expected or unfinished, found or unfinished, ok=expected == found
        )


def _number(subject: str, key: str, bounds: Bounds, found: float) -> Verdict:
    if bounds.equal is not None:
        expected = _text(bounds.equal)
    else:
        limits = (("at least", bounds.at_least), ("at most", bounds.at_most))
        expected = " and ".join(f"{word} {_text(limit)}" for word, limit in limits if limit is not None)
    return Verdict(subject, key, expected, _text(found), ok=bounds.holds(found))


def _text(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.6g}"
