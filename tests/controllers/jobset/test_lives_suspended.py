"""JobSets that are suspended and resumed, over several passes."""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.jobset import FailurePolicyRule
from jobsim.api.pod import Toleration
from tests.controllers.jobset.test_lives import world


def test_completed_start_up_stays_true_while_suspended() -> None:
    """C-SUS-14: and turns false with the first replicated job that has to start again."""
    w = world(rjobs={"a": 1, "b": 1}, in_order=True).ready("a-0").ready("b-0")
    completed = ("True", "InOrderStartupPolicyCompleted")
    assert w.says("StartupPolicyCompleted") == completed
    w.edit(suspend=True)
    w.run("a-0", "b-0")
    assert w.says("StartupPolicyCompleted") == completed
    w.edit(suspend=False)
    assert w.says("StartupPolicyCompleted") == ("False", "InOrderStartupPolicyCompleted")
    assert w.says("StartupPolicyInProgress") == ("True", "InOrderStartupPolicyInProgress")


def test_selectors_of_an_earlier_admission_stay() -> None:
    """C-BUG-04, C-KUE-05: a queue puts other keys into the template, the children keep those of before."""
    w = world(rjobs={"w": 1}, suspend=True)

    def admitted(suspend: bool, **selector: str) -> str | None:
        [rjob] = w.train.spec.replicated_jobs
        pods = rjob.template.spec.template
        tolerations = tuple(Toleration(key=key, operator="Exists") for key in selector)
        spec = replace(pods.spec, node_selector=selector, tolerations=tolerations)
        job = replace(rjob.template.spec, template=replace(pods, spec=spec))
        changed = replace(rjob, template=replace(rjob.template, spec=job))
        return w.edit(suspend=suspend, replicated_jobs=(changed,))

    assert admitted(False, flavor="a") is None
    assert admitted(True) is None
    assert admitted(False, zone="z") is None
    spec = w.job("w-0").spec.template.spec
    assert spec.node_selector == {"flavor": "a", "zone": "z"}
    assert [t.key for t in spec.tolerations] == ["flavor", "zone"]


def test_the_queue_sees_what_is_persisted() -> None:
    """C-KUE-01, C-KUE-02: counts of active and ready Jobs in the status, and the template restored by it."""
    w = world(suspend=True)
    assert (w.counts("w").suspended, w.counts("w").active) == (2, 0)
    w.edit(suspend=False)
    w.ready("w-0", "w-1")
    assert (w.counts("w").active, w.counts("w").ready) == (2, 2)
    w.edit(suspend=True)
    assert w.counts("w").suspended == 2


def test_resumed_is_said_before_anything_runs() -> None:
    """C-SUS-05."""
    w = world(suspend=True)
    w.edit(suspend=False)
    assert w.says("Suspended") == ("False", "ResumeJobs")
    assert (w.counts("w").active, w.suspended) == (0, [])


def test_a_template_that_children_cannot_take_is_accepted() -> None:
    """C-UPD-09, C-SUS-10: the resume is refused as long as pods of the Job run."""
    w = world(rjobs={"w": 1}, suspend=False).run("w-0")
    w.edit(suspend=True)
    [rjob] = w.train.spec.replicated_jobs
    pods = rjob.template.spec.template
    chosen = replace(pods, spec=replace(pods.spec, node_selector={"flavor": "a"}))
    changed = replace(
        rjob, template=replace(rjob.template, spec=replace(rjob.template.spec, template=chosen))
    )
    assert w.edit(suspend=False, replicated_jobs=(changed,)) is None
    assert "spec.template: Invalid value" in w.errors[-1]
    assert w.suspended == ["w-0"]


def test_restarts_of_single_jobs_outlive_a_restart_of_all() -> None:
    """C-FAI-16: arrays and labels go on from where they were."""
    rules = [
        FailurePolicyRule(name="one", action="RestartJob", on_job_failure_reasons=("DeadlineExceeded",)),
    ]
    w = world(max_restarts=9, rules=rules, on={"restart_job": True})
    w.fail("w-1", reason="DeadlineExceeded").collect()
    assert w.attempt("w-1") == ("0", "1")
    w.fail("w-0").collect()
    assert w.counts("w").job_restarts == (0, 1)
    assert [w.attempt(name) for name in ("w-0", "w-1")] == [("1", "0"), ("1", "1")]
