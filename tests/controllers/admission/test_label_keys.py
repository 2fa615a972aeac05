"""matchLabelKeys and mismatchLabelKeys of affinity terms and spread constraints."""

from __future__ import annotations

from jobsim.api import codec
from tests.controllers.admission.test_pod import created, make


def test_label_keys_are_written_out() -> None:
    """K-SCH-20: the server merges them into selectors; the scheduler looks at no keys of affinity terms."""
    keys = {"matchLabelKeys": ["app", "none"], "mismatchLabelKeys": ["tier"]}
    term = {"topologyKey": "k", "labelSelector": {"matchLabels": {"x": "y"}}, **keys}
    sides = {
        "requiredDuringSchedulingIgnoredDuringExecution": [term, {**keys, "topologyKey": "k"}],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
    }
    spread = {"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    pod = created(
        make(
            {"labels": {"app": "a", "tier": "t"}},
            affinity={"podAffinity": sides, "podAntiAffinity": sides},
            topologySpreadConstraints=[{**spread, "matchLabelKeys": ["app"]}],
        )
    )
    affinity = codec.to_data(pod.spec.affinity)
    in_app = {"key": "app", "operator": "In", "values": ["a"]}
    not_in_tier = {"key": "tier", "operator": "NotIn", "values": ["t"]}
    written = {
        **term,
        "labelSelector": {"matchLabels": {"x": "y"}, "matchExpressions": [in_app, not_in_tier]},
    }
    for side in (affinity["podAffinity"], affinity["podAntiAffinity"]):
        assert side["requiredDuringSchedulingIgnoredDuringExecution"] == [
            written,
            {**keys, "topologyKey": "k"},
        ]
        assert side["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"] == written
    (constraint,) = pod.spec.topology_spread_constraints
    assert codec.to_data(constraint.label_selector) == {"matchExpressions": [in_app]}
