"""Every clause of the JobSet contract is cited by a test, or listed here with the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import shared_path

ROOT = Path(__file__).resolve().parent
#: The clauses by family, as ranges of numbers (438).
CLAUSES = {
    "DIF": "01-08",
    "API": "01-04 10-44 50-57",
    "KEY": "01-05",
    "GAT": "01-05",
    "WHK": "01-04",
    "DEF": "01-07",
    "VAL": "01-03 05-22",
    "UPD": "01-11",
    "QUE": "01-06",
    "REC": "01-17",
    "BKT": "01-06",
    "STS": "01-08",
    "CRE": "01-10",
    "DEL": "01-04",
    "SVC": "01-06",
    "EVT": "01-07",
    "CCH": "01-07",
    "JOB": "01-07 17-26",
    "SUS": "01-18",
    "KUE": "01-05",
    "STA": "01-09",
    "DEP": "01-09",
    "SUC": "01-09",
    "FAI": "01-11 11b 12-22",
    "RST": "01-06",
    "CND": "01-21",
    "MET": "01-02",
    "TTL": "01-11",
    "EXC": "01-18",
    "PRC": "01-13",
    "NSS": "01-03",
    "IPR": "01-12",
    "AGT": "01-11",
    "PVC": "01-06",
    "ELA": "01-07",
    "ATT": "01",
    "RES": "01",
    "WAS": "01-07",
    "MGD": "01-04",
    "ENV": "01-07",
    "BUG": "01-20 30-48",
}
#: Why a clause has no test.
NOT_APPLICABLE = {
    "C-AGT-11": "about a document",
    "C-ATT-01": "proposed: not in the reference",
    "C-BUG-31": "permissions are not simulated (FIDELITY)",
    "C-BUG-41": "one pass reads the clock once (FIDELITY)",
    "C-DIF-06": "TLS of the webhook server",
    "C-DIF-07": "how the manager's process starts",
    "C-DIF-08": "says that there is nothing else; recorded cases of both versions agree",
    "C-EVT-06": "events are kept as they are told (FIDELITY)",
    "C-GAT-04": "TLS of the webhook server",
    "C-IPR-12": "names for things",
    "C-KUE-03": "clusters of clusters are not simulated",
    "C-KUE-04": "the queue's own webhook is not simulated (FIDELITY)",
    "C-PRC-10": "permissions are not simulated (FIDELITY)",
    "C-RES-01": "proposed: not in the reference",
    "C-TTL-08": "one pass reads the clock once (FIDELITY)",
    "C-WAS-01": "nothing happens",
    "C-WAS-03": "gangs of the scheduler are off, as by default (FIDELITY)",
    "C-WAS-04": "gangs of the scheduler are off, as by default (FIDELITY)",
    "C-WAS-05": "gangs of the scheduler are off, as by default (FIDELITY)",
    "C-WAS-06": "gangs of the scheduler are off, as by default (FIDELITY)",
    "C-WAS-07": "topology requests of a queue are not simulated (FIDELITY)",
}
_CITED = re.compile(r"\bC-[A-Z]{3}-\d\d(?:b\b)?")


def clauses() -> list[str]:
    found = []
    for family, spans in CLAUSES.items():
        for span in spans.split():
            low, _, high = span.partition("-")
            numbers = [f"{n:02d}" for n in range(int(low), int(high) + 1)] if high else [span]
            found += [f"C-{family}-{number}" for number in numbers]
    return found


def cited(text: str) -> set[str]:
    """Return the clauses that a text names; of a range (C-API-10..14) only its ends."""
    return set(_CITED.findall(text))


def test_the_list_is_the_contracts() -> None:
    text = shared_path("contracts", "jobset.md").read_text(encoding="utf-8")
    told = re.findall(r"^(?:- \*\*|\| )(C-[A-Z]+-\d+b?)\b", text, re.MULTILINE)
    assert len(told) == 438
    assert set(told) == set(clauses())


def test_what_counts_as_a_citation() -> None:
    assert cited("C-API-10..12, C-FAI-11b, K-JOB-01, C-CND-12bis") == {"C-API-10", "C-FAI-11b", "C-CND-12"}


def test_every_clause_is_tested_or_does_not_apply() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py") if path != Path(__file__)]
    found = set().union(*map(cited, texts))
    assert [clause for clause in clauses() if clause not in found | set(NOT_APPLICABLE)] == []
    assert set(NOT_APPLICABLE) <= set(clauses())
    assert [clause for clause in NOT_APPLICABLE if clause in found] == []


def test_every_known_bug_is_owned_up_to() -> None:
    """Appendix C: each in FIDELITY, and each with a test but for those that cannot show."""
    bugs = [clause for clause in clauses() if clause.startswith("C-BUG-")]
    told = cited((ROOT.parent / "jobsim/FIDELITY.md").read_text(encoding="utf-8"))
    assert len(bugs) == 39
    assert [bug for bug in bugs if bug not in told] == []
