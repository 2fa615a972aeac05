"""The validating webhook of JobSets: checks on create; on update see ``jobset_update``.

Source: jobset pkg/webhooks/jobset_webhook.go ValidateCreate @08dfbdfd; C-VAL-01..22.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobsim.api import names
from jobsim.api.field import FieldError, internal, invalid, too_long
from jobsim.api.gofmt import quote
from jobsim.api.jobset import COORDINATOR, Coordinator, FailurePolicyRule, JobSet, ReplicatedJob
from jobsim.api.reader import Reader
from jobsim.controllers.admission.jobset_claims import claim_errors
from jobsim.controllers.admission.jobset_update import update_errors
from jobsim.controllers.jobset.construct import coordinator_endpoint, job_name, subdomain
from jobsim.controllers.jobset.gates import Gates
from jobsim.controllers.jobset.in_place_restart import uses_in_place_restart

INT32_MAX = 2**31 - 1
RULE_NAME_LENGTH_MAX = 128
#: With a RestartJob action: as many counters as status may hold (C-API-55).
RESTART_JOB_REPLICAS_MAX = 1024
MANAGED_BY_LENGTH_MAX = 63
FAILURE_REASONS = (
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "FailedIndexes",
    "MaxFailedIndexesExceeded",
    "PodFailurePolicy",
)
#: Stands for the random part of a name that is checked before it is generated.
SAMPLE_SUFFIX = "xxxxx"
_RULE_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", re.ASCII)
_RESTART_JOB_ACTIONS = ("RestartJob", "RestartJobAndIgnoreMaxRestarts")


def validate_create(jobset: JobSet, reader: Reader, gates: Gates) -> list[str]:
    """Return the texts of all field errors of a new JobSet, in order; none: it is accepted."""
    return [error.text for error in create_errors(jobset, reader, gates)]


def validate_update(new: JobSet, old: JobSet, gates: Gates) -> list[str]:
    """Return the texts of all field errors of a changed JobSet, in order; none: it is accepted."""
    return [error.text for error in update_errors(new, old, gates)]


def create_errors(jobset: JobSet, reader: Reader, gates: Gates) -> list[FieldError]:
    """Return all field errors of a new JobSet (already defaulted), in upstream's order."""
    spec = jobset.spec
    name = checked_name(jobset, gates)
    errors: list[FieldError] = []
    if uses_in_place_restart(jobset) and not gates.in_place_restart:
        gate = "InPlaceRestart feature gate is disabled"
        errors.append(internal(f"InPlaceRestart restart strategy cannot be set when {gate}"))
    if spec.replicated_jobs and spec.replicated_jobs[0].depends_on is not None:
        errors.append(internal("DependsOn can't be set for the first ReplicatedJob"))
    errors += _network_errors(jobset)
    errors += _managed_by_errors(spec.managed_by)
    errors += _replicated_jobs_errors(jobset, name, gates)
    known = {rjob.name for rjob in spec.replicated_jobs}
    for target in spec.success_policy.target_replicated_jobs if spec.success_policy else ():
        if target not in known:
            errors.append(
                internal(f"invalid replicatedJob name '{target}' does not appear in .spec.ReplicatedJobs")
            )
    errors += _failure_policy_errors(jobset, known, gates)
    if spec.coordinator is not None:
        errors += _coordinator_errors(jobset, spec.coordinator)
        errors += _endpoint_errors(jobset, spec.coordinator, name)
    errors += claim_errors(jobset, name, reader)
    return errors


def checked_name(jobset: JobSet, gates: Gates) -> str:
    """Return the name that generated names are checked with (C-VAL-02)."""
    meta = jobset.metadata
    if meta.name or not meta.generate_name or gates.version == "v0.12.0":
        return meta.name
    return names.generated_name(meta.generate_name, SAMPLE_SUFFIX)


def _network_errors(jobset: JobSet) -> list[FieldError]:
    """Return what is wrong with the subdomain, by both rules for DNS names (C-VAL-06)."""
    network = jobset.spec.network
    if network is None or not network.subdomain:
        return []
    path, value = "spec.network.subdomain", network.subdomain
    errors = [invalid(path, value, text) for text in names.dns1123_subdomain_errors(value)]
    too_long_text = ".spec.network.subdomain is too long, must be less than 63 characters"
    return errors + _label_errors(path, value, value, too_long_text)


def _label_errors(path: str, value: str, shown: str, too_long_text: str) -> list[FieldError]:
    """Return what keeps a value from being a DNS-1035 label; a length error has its own words."""
    return [
        invalid(path, shown, too_long_text if text == names.LABEL_TOO_LONG else text)
        for text in names.dns1035_label_errors(value)
    ]


def _managed_by_errors(managed_by: str | None) -> list[FieldError]:
    """Return what is wrong with managedBy (C-VAL-07)."""
    if managed_by is None:
        return []
    errors = names.domain_prefixed_path_errors("spec.managedBy", managed_by)
    if names.byte_length(managed_by) > MANAGED_BY_LENGTH_MAX:
        errors.append(too_long("spec.managedBy", MANAGED_BY_LENGTH_MAX))
    return errors


def _replicated_jobs_errors(jobset: JobSet, name: str, gates: Gates) -> list[FieldError]:
    """Return what is wrong with the replicated jobs, one after the other (C-VAL-08..11)."""
    errors: list[FieldError] = []
    in_place = gates.in_place_restart and uses_in_place_restart(jobset)
    seen: set[str] = set()
    for position, rjob in enumerate(jobset.spec.replicated_jobs):
        path = f"spec.replicatedJobs[{position}]"
        seen.add(rjob.name)
        errors += _size_errors(rjob)
        errors += _generated_name_errors(rjob, name, path)
        errors += [
            internal(f"replicatedJob: {rjob.name} cannot depend on replicatedJob: {item.name}")
            for item in rjob.depends_on or ()
            if item.name not in seen
        ]
        if in_place:
            errors += _in_place_errors(rjob, path)
    return errors


def _size_errors(rjob: ReplicatedJob) -> list[FieldError]:
    """Return the error of too many pods (C-VAL-08.1)."""
    parallelism = rjob.template.spec.parallelism
    if (1 if parallelism is None else parallelism) * rjob.replicas <= INT32_MAX:
        return []
    what = f"the product of replicas and parallelism must not exceed {INT32_MAX}"
    return [internal(f"{what} for replicatedJob '{rjob.name}'")]


def _generated_name_errors(rjob: ReplicatedJob, name: str, path: str) -> list[FieldError]:
    """Return what is wrong with the group name and with the longest Job and pod name (C-VAL-08.2, 09)."""
    group_text = ".spec.replicatedJob[].groupName is too long, must be less than 63 characters"
    errors = _label_errors(f"{path}.groupName", rjob.group_name, rjob.group_name, group_text)
    longest = job_name(name, rjob.name, rjob.replicas - 1)
    name_text = "JobSet name is too long, {} names generated for this JobSet will exceed 63 characters"
    errors += _label_errors(f"{path}.name", longest, longest, name_text.format("job"))
    spec = rjob.template.spec
    if spec.completion_mode == "Indexed" and spec.completions is not None:
        # The Job's name is shown, though the pod's is wrong (C-VAL-09).
        pod = f"{longest}-{spec.completions - 1}-abcde"
        errors += _label_errors(f"{path}.name", pod, longest, name_text.format("pod"))
    return errors


def _in_place_errors(rjob: ReplicatedJob, path: str) -> list[FieldError]:
    """Return what in-place restart asks of a Job template and does not find (C-VAL-11)."""
    spec = rjob.template.spec
    path, who = f"{path}.template.spec", f"replicatedJob {rjob.name}"
    errors = []
    if spec.backoff_limit != INT32_MAX:
        text = f"{who}: must be set to {INT32_MAX} (MaxInt32) when in-place restart is enabled"
        errors.append(invalid(f"{path}.backoffLimit", spec.backoff_limit, text))
    if spec.pod_replacement_policy != "Failed":
        text = f"{who}: must be set to Failed when in-place restart is enabled"
        errors.append(invalid(f"{path}.podReplacementPolicy", spec.pod_replacement_policy, text))
    if spec.completions is None or spec.completions != spec.parallelism:
        what = "completions and parallelism must be set and equal to each other"
        text = f"{who}: {what} when in-place restart is enabled"
        errors.append(invalid(f"{path}.completions", spec.completions, text))
    return errors


def _failure_policy_errors(jobset: JobSet, known: set[str], gates: Gates) -> list[FieldError]:
    """Return what is wrong with the failure policy (C-VAL-13..16)."""
    policy = jobset.spec.failure_policy
    if policy is None:
        return []
    errors: list[FieldError] = []
    if any(rule.action in _RESTART_JOB_ACTIONS for rule in policy.rules):
        actions = "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions"
        if not gates.restart_job:
            return [internal(f"{actions} are not allowed when RestartJob feature gate is disabled")]
        if any(rjob.replicas > RESTART_JOB_REPLICAS_MAX for rjob in jobset.spec.replicated_jobs):
            rule_text = "a failure policy rule with RestartJob or RestartJobAndIgnoreMaxRestarts action"
            limit = f"a replicated job with replicas > {RESTART_JOB_REPLICAS_MAX}"
            errors.append(internal(f"JobSet cannot have {rule_text} and {limit}"))
    for rule in policy.rules:
        errors += _rule_errors(rule, known)
    return errors + _repeated_name_errors(policy.rules)


def _rule_errors(rule: FailurePolicyRule, known: set[str]) -> list[FieldError]:
    """Return what is wrong with one rule (C-VAL-15)."""
    errors = []
    length = names.byte_length(rule.name)
    if not 1 <= length <= RULE_NAME_LENGTH_MAX:
        allowed = f"at least 1 characters long and at most {RULE_NAME_LENGTH_MAX} characters long"
        what = f"invalid failure policy rule name of length {length}"
        errors.append(internal(f"{what}, the rule name must be {allowed}"))
    if _RULE_NAME.fullmatch(rule.name) is None:
        errors.append(
            internal(
                f"invalid failure policy rule name '{rule.name}', a failure policy rule name must start "
                "with an alphabetic character, optionally followed by a string of alphanumeric characters "
                "or '_,:', and must end with an alphanumeric character or '_'"
            )
        )
    for target in rule.target_replicated_jobs:
        if target not in known:
            where = "in failure policy does not appear in .spec.ReplicatedJobs"
            errors.append(internal(f"invalid replicatedJob name '{target}' {where}"))
    for reason in rule.on_job_failure_reasons:
        if reason not in FAILURE_REASONS:
            what = "in failure policy is not a recognized job failure reason"
            errors.append(internal(f"invalid job failure reason '{reason}' {what}"))
    return errors


def _repeated_name_errors(rules: Sequence[FailurePolicyRule]) -> list[FieldError]:
    """Return one error per name that several rules have, by first index (C-VAL-16)."""
    positions: dict[str, list[str]] = {}
    for position, rule in enumerate(rules):
        positions.setdefault(rule.name, []).append(str(position))
    return [
        internal(
            "rule names are not unique, "
            f"rules with indices [{' '.join(indices)}] all have the same name '{name}'"
        )
        for name, indices in positions.items()
        if len(indices) > 1
    ]


def _coordinator_errors(jobset: JobSet, coordinator: Coordinator) -> list[FieldError]:
    """Return the first thing wrong with where the coordinator points (C-VAL-18)."""
    name = coordinator.replicated_job
    rjob = next((r for r in jobset.spec.replicated_jobs if r.name == name), None)
    if rjob is None:
        return [internal(f"coordinator replicatedJob {name} does not exist")]
    if not 0 <= coordinator.job_index < rjob.replicas:
        return [
            internal(f"coordinator job index {coordinator.job_index} is invalid for replicatedJob {name}")
        ]
    spec = rjob.template.spec
    if spec.completion_mode != "Indexed" or spec.completions is None:
        what = "must be indexed completion mode, and completions number must be set"
        return [internal(f"job for coordinator pod {what}")]
    if not 0 <= coordinator.pod_index < spec.completions:
        where = f"replicatedJob {name} job index {coordinator.job_index}"
        return [internal(f"coordinator pod index {coordinator.pod_index} is invalid for {where}")]
    return []


def _endpoint_errors(jobset: JobSet, coordinator: Coordinator, name: str) -> list[FieldError]:
    """Return what keeps the coordinator's address from being a label value (C-VAL-19)."""
    domain = subdomain(jobset.with_meta(name=name))
    value = coordinator_endpoint(coordinator, name, domain)
    reasons = names.label_value_errors(value)
    if not reasons:
        return []
    return [
        internal(
            f"spec will lead to invalid label value {quote(value)} "
            f"for coordinator label {quote(COORDINATOR)} "
            f"(long JobSet / ReplicatedJob / SubDomain name?): {', '.join(reasons)}"
        )
    ]
