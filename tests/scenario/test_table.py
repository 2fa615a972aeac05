"""Wrong Scenarios: every error with its place and what is allowed, all at once, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jobsim.errors import InputErrors
from jobsim.scenario import Scenario

HERE = Path(__file__).parent
HEAD = "apiVersion: jobsim/v1alpha1\nkind: Scenario\n"


def cases(name: str) -> list[object]:
    rows = yaml.safe_load((HERE / name).read_text())
    return [pytest.param(row["text"], row["error"], id=row["text"][:60]) for row in rows]


def caught_in(text: str, folder: Path) -> InputErrors:
    file = folder / "s.yaml"
    file.write_text(HEAD + text)
    with pytest.raises(InputErrors) as caught:
        Scenario.load(file)
    return caught.value


def errors(text: str, folder: Path) -> list[str]:
    return [str(error).removeprefix(f"{folder}/") for error in caught_in(text, folder).errors]


@pytest.mark.parametrize(("text", "expected"), cases("bad_scenarios.yaml"))
def test_one_error(text: str, expected: str, tmp_path: Path) -> None:
    assert errors(text, tmp_path) == ["s.yaml:" + expected.replace("FOLDER", str(tmp_path))]


def test_all_errors_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [\n---\nkind: Pod\n")
    text = (
        "seed: -1\n"
        "manifests: [bad.yaml, gone.yaml]\n"
        "fleet:\n- {pool: h, shape: cpu-16, nodes: 2}\n- {pool: i, shape: dgx, nodes: 2}\n"
        "pods:\n- {run: -1s, exit: 300}\n"
        "expect:\n- {jobset: a, restart: 1}\n"
    )
    found = [error.partition(" (")[0] for error in errors(text, tmp_path)]
    assert found == [
        "bad.yaml:2: error converting YAML to JSON: yaml: line 1: did not find expected node content",
        "s.yaml:3: seed: -1 is too small",
        "s.yaml:4: manifests[1]: gone.yaml does not exist",
        's.yaml:7: fleet[1].shape: no shape "dgx"',
        's.yaml:9: pods[0].run: "-1s" is negative',
        "s.yaml:9: pods[0].exit: 300 is no exit code",
        "s.yaml:11: expect[0].restart: unknown key",
    ]


def test_an_unknown_shape_lists_all(tmp_path: Path) -> None:
    (found,) = errors("fleet: [{pool: a, shape: dgx-h10, nodes: 1}]", tmp_path)
    assert found.startswith(
        's.yaml:3: fleet[0].shape: no shape "dgx-h10" (did you mean dgx-h100? there are cpu-16, '
    )
    (found,) = errors("fleet: [{pool: a, shape: cpu-16, nodes: 1, fabric: ib}]", tmp_path)
    assert found.startswith('s.yaml:3: fleet[0].fabric: no fabric "ib" (')
    assert "efa_h100" in found


WRONG_TYPES: list[object] = [
    None,
    True,
    -1,
    10**9,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "x" * 10**6,
    [],
    [[]],
]
WRONG_TYPES += [
    {},
    {"": None},
    {"x": {}},
    [None],
    ["\ud800"],
    {"\x00": 1},
    10**5000,
    "9" * 10**5,
    [{"a": []}] * 3,
]
SECTIONS = ["metadata", "seed", "until", "jobset", "manifests", "fleet", "pods", "workloads", "failures"]
SECTIONS += ["actions", "control", "faults", "expect"]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("value", WRONG_TYPES, ids=range(len(WRONG_TYPES)))
def test_any_value_anywhere_is_read_or_reported(section: str, value: object) -> None:
    for wrapped in (value, [value], {section: value}, {"api": value}, [{"match": value, "step": value}]):
        for inside in (
            wrapped,
            [{"pool": "a", "at": wrapped, "pod": value, "error": value, "jobset": value}],
        ):
            found = found_in(section, inside)
            assert found is None or found.errors
            assert all(len(str(error)) < 2000 for error in (found.errors if found else ()))


def found_in(section: str, value: object) -> InputErrors | None:
    try:
        Scenario(**{section: value})
    except InputErrors as err:
        return err
    return None


def test_another_version_or_kind_is_still_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    for head, expected in (
        (
            "apiVersion: jobsim/v1\nkind: Scenario\n",
            's.yaml:1: apiVersion: "jobsim/v1" is unknown, did you mean '
            "jobsim/v1alpha1? (one of jobsim/v1alpha1)",
        ),
        (
            "apiVersion: jobsim/v1alpha1\nkind: Scenari\n",
            's.yaml:2: kind: "Scenari" is unknown, did you mean Scenario? (one of Scenario)',
        ),
        ("kind: Scenario\n", "s.yaml:1: apiVersion is missing (one of jobsim/v1alpha1)"),
    ):
        file.write_text(head)
        with pytest.raises(InputErrors) as caught:
            Scenario.load(file)
        assert str(caught.value).removeprefix(f"{tmp_path}/") == expected
