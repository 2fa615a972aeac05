"""What the strategies draw is what they say: accepted, refused by one clause, or seen by a controller."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api.meta import is_true
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates, Seen, reconcile
from jobsim.errors import ApiError
from jobsim.rng import NameSource
from jobsim.testing.plans import carry_out
from jobsim.testing.strategies import NearMiss, all_gates, jobsets, near_misses, sights

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["a" * 70_000, "\x00", "\ud800", "\u202e", "-1", "1e400"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


def admit(manifest: dict[str, Any], gates: Gates) -> Any:
    names = NameSource(0)
    return Admission(gates, strict=False, suffix=names.suffix).admit_manifest(manifest, Store())


@given(st.data())
def test_drawn_jobsets_are_accepted(data: st.DataObject) -> None:
    gates = data.draw(all_gates())
    manifest = data.draw(jobsets(gates))
    stored = admit(manifest, gates)
    assert [r.name for r in stored.spec.replicated_jobs] == [
        r["name"] for r in manifest["spec"]["replicatedJobs"]
    ]


@given(near_misses())
def test_near_misses_are_refused(near: NearMiss) -> None:
    with pytest.raises(ApiError) as err:
        admit(near.manifest, Gates())
    assert err.value.reason in ("Invalid", "Forbidden", "BadRequest"), near.clause


@given(st.data())
def test_whatever_stands_anywhere_admission_answers(data: st.DataObject) -> None:
    """An object or an API error, never another exception."""
    gates = data.draw(all_gates())
    manifest = _spoiled(data.draw(jobsets(gates)), data.draw)
    try:
        stored = admit(manifest, gates)
    except ApiError:
        return
    assert stored.metadata.name


def _spoiled(manifest: Any, draw: Any) -> Any:
    """Put something odd in the place of a part of a document, or beside it, or take the part away."""
    if not isinstance(manifest, dict | list) or not manifest or draw(st.integers(0, 4)) == 0:
        return draw(ODD)
    keys = list(manifest) if isinstance(manifest, dict) else list(range(len(manifest)))
    key = draw(st.sampled_from(keys))
    what = draw(st.sampled_from(["deeper", "deeper", "deeper", "less", "more"]))
    if isinstance(manifest, list):
        if what == "less":
            return [item for i, item in enumerate(manifest) if i != key]
        if what == "more":
            return [*manifest, manifest[key]]
        return [_spoiled(item, draw) if i == key else item for i, item in enumerate(manifest)]
    if what == "less":
        return {k: v for k, v in manifest.items() if k != key}
    if what == "more":
        return {**manifest, draw(st.text(max_size=4)): draw(ODD)}
    return {**manifest, key: _spoiled(manifest[key], draw)}


@given(st.data())
def test_a_decision_is_made_about_whatever_is_seen(data: st.DataObject) -> None:
    """C-REC-*: the same plan each time; a terminal condition comes alone and stays."""
    gates = data.draw(all_gates())
    seen: Seen = data.draw(sights(gates))
    plan, again = (reconcile(seen, 5_000_000_000, gates) for _ in range(2))
    calls = carry_out(plan).calls
    assert calls == carry_out(again).calls
    if plan.status is not None:
        written = plan.status.obj.status  # type: ignore[attr-defined]
        assert not (is_true(written.conditions, "Completed") and is_true(written.conditions, "Failed"))
        assert written.restarts in (seen.jobset.status.restarts, seen.jobset.status.restarts + 1)
