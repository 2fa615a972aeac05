"""``jobsim validate``: the API server's words as kubectl create prints them, with file and line."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import ROOT, Jobsim

GOOD = """\
    apiVersion: jobset.x-k8s.io/v1alpha2
    kind: JobSet
    metadata: {name: good}
    spec:
      replicatedJobs:
      - name: w
        template:
          spec: {completions: 1, parallelism: 1, template: {spec: {containers: [{name: c, image: i}]}}}
    """
HEAD = 'The JobSet "bad" is invalid:'

#: The document's change of GOOD, and what stderr has ({file}: the file).
REFUSED = {
    "one field": (
        ("  - name: w\n", "  - name: w\n    replicas: 1\n    groupName: A_\n"),
        ["{file}:8: " + HEAD + " spec.replicatedJobs[0].groupName: Invalid value:"],
    ),
    "unknown field": (
        ("  replicatedJobs:\n", "  typo: 1\n  replicatedJobs:\n"),
        [
            '{file}:5: Error from server (BadRequest): error when creating "{file}": JobSet in version '
            '"v1alpha2" cannot be handled as a JobSet: strict decoding error: unknown field "spec.typo"'
        ],
    ),
    "wrong type": (
        ("metadata: {name: good}", "metadata: {name: bad, labels: [1]}"),
        [
            '{file}:3: Error from server (BadRequest): error when creating "{file}": JobSet in version '
            '"v1alpha2" cannot be handled as a JobSet: json: cannot unmarshal array into Go struct field '
            "ObjectMeta.labels of type map[string]string"
        ],
    ),
    "unknown version": (
        ("v1alpha2", "v1alpha1"),
        [
            '{file}:1: error: resource mapping not found for name: "bad" namespace: "": no matches for kind '
            '"JobSet" in version "jobset.x-k8s.io/v1alpha1"',
            "ensure CRDs are installed first",
        ],
    ),
    "two fields": (
        (
            "  replicatedJobs:\n",
            "  startupPolicy: {startupPolicyOrder: X}\n  ttlSecondsAfterFinished: -1\n  replicatedJobs:\n",
        ),
        [
            "{file}:1: " + HEAD,
            '{file}:5: * spec.startupPolicy.startupPolicyOrder: Unsupported value: "X": supported values: ',
            "{file}:6: * spec.ttlSecondsAfterFinished: Invalid value: -1: ",
            "{file}:1: * <nil>: Invalid value: null: some validation rules were not checked because",
        ],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(jobsim: Jobsim, tmp_path: Path, case: str) -> None:
    (old, new), lines = REFUSED[case]
    text = dedent(GOOD)
    assert dedent(old) in text or old in text
    file = tmp_path / "bad.yaml"
    file.write_text(text.replace(old, new).replace("name: good", "name: bad"))
    result = jobsim("validate", file)
    assert (result.exit_code, result.stdout) == (1, "")
    said = result.stderr.splitlines()
    assert len(said) == len(lines), result.stderr
    for got, line in zip(
        sorted(said), sorted(line.replace("{file}", str(file)) for line in lines), strict=True
    ):
        assert got.startswith(line)
    assert jobsim("run", file).stderr.splitlines()[-len(said) :] == said


def test_good_and_bad_in_one_file(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "both.yaml"
    good = dedent(GOOD)
    file.write_text(
        f"{good}---\n{good.replace('name: good', 'name: Bad')}---\n{good.replace('good', 'fine')}"
    )
    result = jobsim("validate", file)
    assert result.exit_code == 1
    assert result.stdout == ("jobset.jobset.x-k8s.io/good accepted\njobset.jobset.x-k8s.io/fine accepted\n")
    assert f'{file}:12: The JobSet "Bad" is invalid:' in result.stderr


def test_scenario_and_its_later_manifests(jobsim: Jobsim, tmp_path: Path) -> None:
    (tmp_path / "js.yaml").write_text(dedent(GOOD))
    (tmp_path / "bad.yaml").write_text(dedent(GOOD).replace("name: good", "name: Bad"))
    file = tmp_path / "scenario.yaml"
    head = "apiVersion: jobsim/v1alpha1\nkind: Scenario\nmanifests:\n- js.yaml\n"
    file.write_text(head)
    assert jobsim("validate", file).exit_code == 0
    file.write_text(head + "- {at: 10m, file: bad.yaml}\n")
    result = jobsim("validate", file)
    assert result.exit_code == 1
    assert 'The JobSet "Bad" is invalid' in result.stderr
    file.write_text(head + "actions:\n- {at: 10m, apply: bad.yaml}\n")
    assert 'The JobSet "Bad" is invalid' in jobsim("validate", file).stderr


def test_what_is_taken_as_existing_is_said(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "js.yaml"
    file.write_text(dedent(GOOD).replace("metadata: {name: good}", "metadata: {name: good, namespace: team}"))
    result = jobsim("validate", file)
    assert result.exit_code == 0
    assert 'taken as existing, because no file has it: Namespace "team"' in result.stderr
    strict = jobsim("validate", file, "--strict")
    assert strict.exit_code == 1
    assert 'namespaces "team" not found' in strict.stderr


@pytest.mark.parametrize(
    "file", sorted((ROOT / "scenarios/manifests").glob("*.yaml")), ids=lambda file: file.stem
)
def test_our_own_manifests_are_accepted(jobsim: Jobsim, file: Path) -> None:
    result = jobsim("validate", "--gate", "InPlaceRestart=true", file)
    assert result.exit_code == 0, result.stderr
    assert result.stdout
