"""``jobsim conform``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence

import click

from jobsim.e2e.forms import ALL_FORMS
from jobsim.testing.conformance import CaseResult, Count, Report, run_files


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="CASES.jsonl[.gz]|RUN.json...")
@click.option("--only", metavar="ID", help="Run the one case of this id.")
@click.option("--diff", is_flag=True, help="Show what was expected (-) and what came (+).")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="What stdout gets.")
@click.pass_context
def conform(
    ctx: click.Context, files: Sequence[str], only: str | None, diff: bool, fail_fast: bool, output: str
) -> None:
    """Run recorded cases of the real controllers through jobsim's own cores, whole runs on its ring.

    Prints how many passed and failed, for each form of case; forms that are not known are skipped and
    named.  Exits 1 when a case fails.
    """
    report = run_files(files, only, fail_fast=fail_fast, forms=ALL_FORMS)
    if output == "json":
        click.echo(json.dumps(_data(report, diff=diff), indent=2))
    else:
        for line in _lines(report, diff=diff):
            click.echo(line)
    ctx.exit(1 if report.failures else 0)


def _lines(report: Report, *, diff: bool) -> Iterator[str]:
    for result in report.failures:
        yield f"FAILED {result.form} {result.case}"
        if diff:
            yield from (f"  {line}" for line in difference(result))
    for form, count in report.forms.items():
        yield f"{form}: {_counted(count)}" + (" (form not known)" if count.skipped else "")
    yield _counted(report.total)


def _counted(count: Count) -> str:
    text = f"{count.passed} passed, {count.failed} failed"
    return f"{text}, {count.skipped} skipped" if count.skipped else text


def difference(result: CaseResult) -> list[str]:
    """Return a unified diff of what was expected of a case and what came."""
    sides = (
        json.dumps(side, indent=1, sort_keys=True, default=str) for side in (result.expected, result.got)
    )
    expected, got = (side.splitlines() for side in sides)
    return list(difflib.unified_diff(expected, got, "expected", "got", lineterm="", n=4))


def _data(report: Report, *, diff: bool) -> dict[str, object]:
    failures = [
        {
            "case": result.case,
            "form": result.form,
            **({"expected": result.expected, "got": result.got} if diff else {}),
        }
        for result in report.failures
    ]
    forms = {form: count._asdict() for form, count in report.forms.items()}
    return {
        "total": report.total._asdict(),
        "forms": forms,
        "failed": [result.case for result in report.failures],
        "failures": failures,
    }
