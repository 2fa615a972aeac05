"""Laws of every object: a smallest change that breaks each."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.jobset import JobSet
from jobsim.testing import make_job, make_pod
from jobsim.testing.builders import controller_reference
from jobsim.units import SECOND
from tests.controllers.laws import Broken, laws_broken

PLAIN = make_job("js-w-0")
GOING = PLAIN.with_meta(deletion_timestamp=Time(5 * SECOND), deletion_grace_period_seconds=5)
TWO = (controller_reference(JobSet, "js"), controller_reference(JobSet, "other"))
ROWS = (
    Broken("identity-kept", PLAIN, PLAIN.with_meta(uid="another")),
    Broken("revision-grows", PLAIN, PLAIN.with_meta(labels={})),
    Broken("generation-grows", PLAIN, PLAIN.with_meta(generation=2, labels={})),
    Broken("generation-grows", PLAIN, replace(PLAIN, spec=replace(PLAIN.spec, suspend=True))),
    Broken("deletion-mark-stays", GOING, PLAIN),
    Broken("deletion-mark-stays", GOING, GOING.with_meta(deletion_timestamp=Time(6 * SECOND))),
    Broken("deletion-mark-stays", GOING, GOING.with_meta(deletion_grace_period_seconds=9)),
    Broken("no-late-finalizers", GOING, GOING.with_meta(finalizers=("mine",))),
    Broken("one-controller-at-birth", None, PLAIN.with_meta(owner_references=TWO)),
    Broken("one-controller", PLAIN, PLAIN.with_meta(owner_references=TWO)),
    Broken("never-stolen", PLAIN, PLAIN.with_meta(owner_references=TWO[1:])),
    Broken("gone-unheld", PLAIN.with_meta(finalizers=("mine",)), None),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.law)
def test_broken(row: Broken) -> None:
    assert row.law in laws_broken(row)


BOUND = make_pod("p", node="n")
HEALTHY = (
    Broken("", PLAIN, GOING.with_meta(generation=2)),
    Broken("", GOING, GOING.with_meta(finalizers=("foregroundDeletion",))),
    Broken("", GOING, GOING.with_meta(deletion_timestamp=Time(0), deletion_grace_period_seconds=0)),
    Broken("", PLAIN, PLAIN.with_meta(owner_references=())),
    Broken("", make_pod("p"), BOUND),  # A binding is no update of the spec.
    Broken("", PLAIN, None),
)


@pytest.mark.parametrize("row", HEALTHY)
def test_healthy(row: Broken) -> None:
    assert not laws_broken(row)
