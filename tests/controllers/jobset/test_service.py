"""The headless Service."""

from __future__ import annotations

import pytest

from jobsim.api.core import Service
from jobsim.api.jobset import Network
from jobsim.api.plan import Plan
from jobsim.api.writes import Create
from jobsim.controllers import jobset
from jobsim.controllers.jobset.gates import Version
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_job, make_jobset


def decide(
    network: Network | None, *, exists: bool = False, version: Version = "v0.12.0", **more: object
) -> Plan:
    train = make_jobset("train", network=network, **more)  # type: ignore[arg-type]
    seen = jobset.Seen(train, [make_job("train-w-0")], service_exists=exists)
    return jobset.reconcile(seen, 0, jobset.Gates(version=version))


@pytest.mark.parametrize(
    ("network", "name", "publish"),
    [
        (Network(enable_dns_hostnames=True), "train", True),
        (Network(enable_dns_hostnames=True, subdomain="sub"), "sub", True),
        (Network(enable_dns_hostnames=True, publish_not_ready_addresses=False), "train", False),
    ],
)
def test_the_service(network: Network, name: str, publish: bool) -> None:
    """C-SVC-02, C-SVC-03."""
    (write,) = [w for w in carry_out(decide(network)).writes if isinstance(w, Create)]
    service = write.obj
    assert isinstance(service, Service)
    assert (service.name, service.namespace, service.metadata.labels) == (name, "default", {})
    assert (service.spec.cluster_ip, service.spec.ports) == ("None", ())
    assert service.spec.selector == {"jobset.sigs.k8s.io/jobset-name": "train"}
    assert service.spec.publish_not_ready_addresses is publish
    assert [ref.uid for ref in service.metadata.owner_references] == ["jobset-train"]


@pytest.mark.parametrize("network", [Network(), Network(enable_dns_hostnames=False, subdomain="sub")])
def test_no_service_without_hostnames(network: Network) -> None:
    """C-SVC-01."""
    assert "create Service" not in " ".join(carry_out(decide(network)).calls)


def test_any_service_of_the_name_is_accepted() -> None:
    """C-SVC-02, C-BUG-12."""
    assert "create Service" not in " ".join(
        carry_out(decide(Network(enable_dns_hostnames=True), exists=True)).calls
    )


def test_a_suspended_jobset_has_its_service() -> None:
    """C-SVC-05, C-BUG-10."""
    assert (
        carry_out(decide(Network(enable_dns_hostnames=True), suspend=True)).calls[0] == "create Service train"
    )


def test_a_refused_service_is_told_at_once_and_ends_the_pass() -> None:
    """C-SVC-04, C-EVT-03, C-EVT-05."""
    done = carry_out(decide(Network(enable_dns_hostnames=True)), {1: ApiError("Forbidden", "90%d")})
    assert done.calls == ["create Service train"]
    assert done.finish.error == "90%d"
    (event,) = done.events
    assert (event.type, event.reason, event.message) == (
        "Warning",
        "HeadlessServiceCreationFailed",
        "90%!d(MISSING)",
    )


def test_a_missing_network_is_a_panic_in_the_release_and_none_on_main() -> None:
    """C-DIF-02, C-BUG-03."""
    plan = decide(None)
    assert "nil pointer dereference" in (plan.error or "")
    assert plan.status is None
    assert decide(None, version="main").error is None
    assert "create Service" not in " ".join(carry_out(decide(None, version="main")).calls)
