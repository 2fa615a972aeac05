"""What tests of jobsim, and of things built on it, are made with."""

from jobsim.testing.builders import (
    make_condition,
    make_job,
    make_jobset,
    make_node,
    make_pod,
    make_replicated_job,
)
from jobsim.testing.plans import carry_out

__all__ = [
    "carry_out",
    "make_condition",
    "make_job",
    "make_jobset",
    "make_node",
    "make_pod",
    "make_replicated_job",
]
