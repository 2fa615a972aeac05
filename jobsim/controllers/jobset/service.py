"""The headless Service that gives pods their names.

Source: jobset pkg/controllers/jobset_controller.go createHeadlessSvcIfNecessary @08dfbdfd; C-SVC-*.
"""

from __future__ import annotations

from jobsim.api.core import Service, ServiceSpec
from jobsim.api.jobset import JOBSET_NAME, Network
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Chain, OnError, Step
from jobsim.api.writes import Create
from jobsim.controllers.jobset.construct import owner_reference, subdomain
from jobsim.controllers.jobset.draft import Draft, panic


def create_service(draft: Draft, *, exists: bool) -> None:
    """Create the Service if hostnames are on and no Service has its name (C-SVC-01..04)."""
    network = draft.jobset.spec.network
    if network is None:
        if draft.gates.version == "v0.12.0":
            panic()  # C-DIF-02.
        return
    if not network.enable_dns_hostnames or exists:
        return
    on_error = OnError(about=draft.about, reason="HeadlessServiceCreationFailed", printf=True)
    chain = Chain(writes=(Create(obj=_service(draft, network)),))
    draft.steps.append(Step(chains=(chain,), on_error=on_error))


def _service(draft: Draft, network: Network) -> Service:
    """Return the Service (C-SVC-03)."""
    jobset = draft.jobset
    publish = network.publish_not_ready_addresses
    return Service(
        metadata=ObjectMeta(
            name=subdomain(jobset),
            namespace=jobset.metadata.namespace,
            owner_references=(owner_reference(jobset),),
        ),
        spec=ServiceSpec(
            cluster_ip="None",
            selector={JOBSET_NAME: jobset.metadata.name},
            publish_not_ready_addresses=True if publish is None else publish,
        ),
    )
