"""All forms of recorded cases: the pure ones, and those that need YAML or the whole ring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jobsim.e2e.runner import run_e2e
from jobsim.scenario.yaml import load_documents
from jobsim.testing.conformance import FORMS, Runner
from jobsim.testing.conformance_manifest import run_admission

ALL_FORMS: Mapping[str, Runner] = {
    **FORMS,
    "admission": partial(run_admission, load=load_documents),
    "e2e": run_e2e,
}
