"""Every clause of the contract beneath JobSet is cited by a test; simplified ones are in FIDELITY.md too."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import shared_path

ROOT = Path(__file__).resolve().parent
#: The clauses by family, as ranges of numbers (148).
CLAUSES = {
    "JOB": "1-6 10-16 20-25 30-37 40-47 50-58 60-63 65-66 70-71 75-76 80-83 85 90 100-104 110-113 120-126"
    " 130",
    "POD": "1-8 20-23 30-33 40-43 45-55",
    "SCH": "1-16 19-26 30-32 40-44",
    "TIM": "1-3 30-32 40-41",
}
#: Clauses that are simplified: each must be named in FIDELITY.md, with the reason.
SIMPLIFIED = (
    *("K-JOB-15", "K-JOB-130", "K-POD-06", "K-POD-08", "K-POD-22", "K-POD-31", "K-POD-46", "K-POD-55"),
    *("K-SCH-15", "K-SCH-26", "K-SCH-44", "K-TIM-02", "K-TIM-31", "K-TIM-40"),
)
_CITED = re.compile(r"K-([A-Z]+)-(\d+)")


def clauses() -> list[str]:
    found = []
    for family, spans in CLAUSES.items():
        for span in spans.split():
            low, _, high = span.partition("-")
            found += [f"K-{family}-{n:02d}" for n in range(int(low), int(high or low) + 1)]
    return found


def cited(text: str) -> set[str]:
    """Return the clauses that a text names; of a range (K-SCH-20...23) only the first."""
    return {f"K-{family}-{int(number):02d}" for family, number in _CITED.findall(text)}


def test_the_list_is_the_contracts() -> None:
    text = shared_path("contracts", "kubernetes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(K-[A-Z]+-\d+)", text, re.MULTILINE) == clauses()


def test_what_counts_as_a_citation() -> None:
    assert cited("K-JOB-01, K-POD-3, K-SCH-20...22, C-JOB-1") == {"K-JOB-01", "K-POD-03", "K-SCH-20"}


def test_every_clause_is_tested() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py") if path != Path(__file__)]
    found = set().union(*map(cited, texts))
    assert len(clauses()) == 148
    assert [clause for clause in clauses() if clause not in found] == []
    assert found <= set(clauses())


def test_every_simplified_clause_is_owned_up_to() -> None:
    told = cited((ROOT.parent / "jobsim/FIDELITY.md").read_text(encoding="utf-8"))
    assert [clause for clause in SIMPLIFIED if clause not in told] == []
    assert set(SIMPLIFIED) <= set(clauses())
