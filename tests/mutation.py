"""Mutation check of what decides and of what admits: ``make mutants``.

mutmut changes one thing at a time in ``jobsim/controllers/jobset`` and ``jobsim/controllers/admission``
(configuration: ``tool.mutmut`` in pyproject.toml) and runs the tests that reach the changed function.
A mutant that no test notices survives.  At most ``SURVIVORS_MAX`` of all may.

``make mutants`` takes them all, one process at a time; ``make mutants SHARE=0.05`` a fixed
twentieth of them (by hash of the name, so that one more mutant moves no other; ``SEED=2`` another
twentieth), ``ONLY=text`` those whose names contain it.  What survives is printed as a diff.  Results
stay in ``mutants/``.

Survivors that change nothing are listed in ``EQUIVALENT`` with the reason; they count as survivors
in the first figure, and are left out of the second.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SURVIVORS_MAX = 0.10
#: The smallest file: asking for its mutants makes those of all files.
FIRST = "jobsim.controllers.jobset.startup_policy*"

#: Why a mutant that survives is the same program: a pattern for what it removes, one for what it adds.
EQUIVALENT: tuple[tuple[str, str, str], ...] = (
    (r'\.get\([A-Z_]+, ""\)', r'\.get\([A-Z_]+, (None|"XXXX")?\)', "no name is what stands for none"),
    (r'\.get\("\w+", ""\)', r'\.get\("\w+", (None|"XXXX")?\)', "no word is what stands for none"),
    (r"strict=True", r"strict=(None|False)|, \)", "both are of one length"),
    (r"= False$", r"= None$", "asked only whether it is true"),
    (r'"utf-8"|usedforsecurity', r'"UTF-8"|"utf-8", \)|usedforsecurity|\(text, \)', "says the same"),
    (r"surrogatepass", r"", "names that are stored hold no surrogate"),
    (r"self\._(children|wanted|targets|prepared)\b", r"None", "a cache that misses costs, no more"),
    (r"(last|shares)\.get", r"None", "a cache that misses costs, no more"),
    (r"memo = Memo|memo\.forget", r"None|True", "a cache that misses costs, no more"),
    (r"if shape is not None", r"is None", "a cache that misses costs, no more"),
    (r"known=known", r"known=None|^$", "what is not handed over is looked at again"),
    (r"if self\.dirty else", r"or True", "without a change there are no events"),
    (r"if chains else None", r"or True", "a step of nothing does nothing"),
    (r"message\.isascii\(\)", r"and False", "the shorter way to the same"),
    (r"next\(.*, \(\)\)$", r", (None)?\)$", "asked only whether there is any; an error comes first"),
    (r"composite=True", r"composite=(None|False)|, \)", "shortened in recorded cases of JobSets alone"),
    (r"completions < pods", r"<= pods", "the smaller of two equal numbers"),
    (r"api_version\.partition", r"rpartition", "there is one slash"),
)


def results() -> dict[str, int | None]:
    """Return the exit code of each mutant's tests; None where they have not been run."""
    codes: dict[str, int | None] = {}
    for file in sorted((ROOT / "mutants").rglob("*.py.meta")):
        codes.update(json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"])
    return codes


def chosen(names: list[str], share: float, only: str, seed: str) -> list[str]:
    """Return the mutants of a run: a share of all, each by its own name."""

    def place(name: str) -> float:
        digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    return [name for name in names if only in name and place(name) < share]


def mutmut(*names: str) -> None:
    """Run the tests against mutants, one after the other."""
    words = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    subprocess.run(words, cwd=ROOT, check=True)


def diffs(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what each mutant removes and adds."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for name in names:
        path = Path(*name.rpartition(".")[0].split(".")).with_suffix(".py")
        lines = get_diff_for_mutant(name, path=path).splitlines()
        yield name, [line for line in lines if re.match(r"[-+](?![-+])", line)]


def reason(diff: list[str]) -> str:
    """Return why a mutant is no other program, or nothing."""
    removed = "\n".join(line[1:].strip() for line in diff if line.startswith("-"))
    added = "\n".join(line[1:].strip() for line in diff if line.startswith("+"))
    for old, new, why in EQUIVALENT:
        if re.search(old, removed) and re.search(new, added):
            return why
    return ""


def main() -> int:
    """Run, report, and tell by the exit code whether few enough survive."""
    os.chdir(ROOT)
    share, only = float(os.environ.get("SHARE") or 1), os.environ.get("ONLY", "")
    seed = os.environ.get("SEED", "")
    mutmut(FIRST)
    names = chosen(list(results()), share, only, seed)
    mutmut(*names)
    codes = results()
    alive = [name for name in names if codes[name] in (0, 5, 33, None)]
    same: Counter[str] = Counter()
    for name, diff in diffs(alive):
        why = reason(diff)
        same[why] += bool(why)
        print(f"\n{name}: {why or 'SURVIVED'}", *diff, sep="\n")
    equal = same.total()
    print(f"\n{len(names)} mutants of {len(codes)}: {len(alive)} survive, {len(alive) / len(names):.1%}")
    print(f"{equal} of those change nothing; without them {(len(alive) - equal) / (len(names) - equal):.1%}")
    return int(len(alive) > SURVIVORS_MAX * len(names))


if __name__ == "__main__":
    sys.exit(main())
