"""The table's three faces agree: what it reads, what its JSON Schema allows, what a file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.errors import InputErrors
from jobsim.scenario import Scenario, json_schema, load
from jobsim.scenario.check import Anything, Either, Forms, Leaf, ListOf, MapOf, Named, Record, Type
from jobsim.scenario.table import API_VERSION, SCENARIO
from jobsim.scenario.yaml import load_documents

OWN = Path(__file__).resolve().parents[2] / "jobsim" / "hardware"
#: The same two files in several spellings.
CATALOGUES = [f"{OWN}/{'./' * n}catalogue/{name}.json" for n in range(3) for name in ("shapes", "fabrics")]
jsonschema = pytest.importorskip("jsonschema")

DURATIONS = st.sampled_from(["500ms", "90s", "1h30m", "54d", "0", 0, 3, 0.25])
#: Leaves whose schema alone does not say what to draw, by the start of what is allowed.
WORDS: dict[str, st.SearchStrategy[Any]] = {
    "a duration": DURATIONS,
    "a law": st.one_of(DURATIONS, st.sampled_from(["forever", "workload", "never"])),
    "a Kubernetes name": st.sampled_from(["a", "train", "w-0", "a.b"]),
    "a Kubernetes quantity": st.sampled_from([8, "500m", "2Ti", 1.5, "1e3"]),
    "a label key": st.sampled_from(["k", "example.com/rack"]),
    "text of at most 63": st.sampled_from(["", "v", "A_1.b"]),
    "a number, or a range": st.sampled_from([0, 3, "0-3", "0-3,7"]),
    "kind/name": st.sampled_from(["jobset/train", "po/w-0", "Node/n"]),
    "one of JobSet, Job": st.sampled_from(["JobSet", "pods", "no"]),
    "a JSON pointer": st.sampled_from(["", "/spec/suspend"]),
    "a path": st.just(str(Path(__file__).with_name("pod.yaml"))),
    "a catalogue file's path": st.sampled_from(CATALOGUES),
    "a condition type": st.just("Completed"),
    "builtin, or": st.sampled_from(["builtin", "my.own:Controller.Part"]),
    "an exit code": st.sampled_from([0, 1, 137]),
}
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "y", "text"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner)),
    max_leaves=4,
)


_MADE: dict[int, st.SearchStrategy[Any]] = {}


def drawn(kind: Type) -> st.SearchStrategy[Any]:
    """Return a strategy for data of a type of the table; each is made once, since types nest."""
    if id(kind) not in _MADE:
        _MADE[id(kind)] = st.deferred(lambda: strategy_of(kind))
    return _MADE[id(kind)]


def strategy_of(kind: Type) -> st.SearchStrategy[Any]:
    match kind:
        case Leaf():
            return drawn_leaf(kind)
        case ListOf():
            return st.lists(drawn(kind.item), min_size=kind.least, max_size=kind.most or kind.least + 1)
        case MapOf():
            keys = drawn(kind.key).map(str)
            return st.dictionaries(keys, drawn(kind.value), min_size=kind.least, max_size=2)
        case Record():
            return drawn_record(kind)
        case Forms():
            return st.one_of([drawn_record(form, name) for name, form in kind.forms.items()])
        case Either():
            return st.one_of([drawn(shape) for shape in (kind.scalar, kind.map) if shape is not None])
        case Named():
            return drawn(kind.make())
        case Anything():
            return st.dictionaries(st.sampled_from("ab"), JSON, max_size=2)
    return st.one_of(
        DURATIONS, st.sampled_from(["crash", {"degrade": {"factor": 0.7}}, {"0": 0.5, "1": 0.5}])
    )


def drawn_leaf(leaf: Leaf) -> st.SearchStrategy[Any]:
    for start, strategy in WORDS.items():
        if leaf.allowed.startswith(start):
            return strategy
    schema = leaf.schema()
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    bounds = {
        "integer": st.integers(low, min(schema.get("maximum", 5), 2 * low + 5)),
        "number": st.sampled_from([low + 0.5, low + 1]) if "exclusiveMinimum" in schema else st.just(low),
        "boolean": st.booleans(),
        "string": st.just("x"),
    }
    return bounds[schema["type"]]


def drawn_record(record: Record, needed: str = "") -> st.SearchStrategy[Any]:
    grouped = {name for group in record.one_of for name in group}
    required = {n: k for n, k in record.keys.items() if k.required or n == needed}
    optional = {n: k for n, k in record.keys.items() if n not in required and n not in grouped}

    @st.composite
    def draw(draw: st.DrawFn) -> dict[str, Any]:
        names = dict(required)
        for group in record.one_of:
            if not any(name in names for name in group):
                chosen = draw(st.sampled_from(list(group)))
                names[chosen] = record.keys[chosen]
        if optional:
            chosen_more = draw(st.sets(st.sampled_from(sorted(optional)), max_size=2))
            names |= {name: optional[name] for name in sorted(chosen_more)}
        return {name: draw(drawn(key.type)) for name, key in names.items()}

    return draw()


def made(data: dict[str, Any]) -> Scenario | list[str]:
    try:
        reading = load._Reading(data, Path("."))
        scenario = Scenario.__new__(Scenario)
        scenario._fill(reading.fields())
    except InputErrors as err:
        return sorted(f"{error.path}: {error.text}" for error in err.errors)
    return scenario


def from_text(text: str) -> Scenario | list[str]:
    (document,) = load_documents(text, "s.yaml")
    return made(document.data)


VALIDATOR = jsonschema.Draft202012Validator(json_schema())
SECTIONS = [name for name in SCENARIO.keys if name not in ("apiVersion", "kind")]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"].endswith("/draft/2020-12/schema")
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("section", SECTIONS)
@settings(max_examples=40)
@given(data=st.data())
def test_read_schema_and_file_agree(section: str, data: st.DataObject) -> None:
    raw = {
        "apiVersion": API_VERSION,
        "kind": "Scenario",
        section: data.draw(drawn(SCENARIO.keys[section].type)),
    }
    scenario = made(raw)
    # Quoted, with tags for numbers: what PyYAML writes plain, kubectl's rules may read otherwise.
    dumped = yaml.safe_dump(raw, sort_keys=False, default_style='"')
    assert from_text(dumped) == scenario
    assert from_text(json.dumps(raw)) == scenario
    if isinstance(scenario, Scenario):
        plain = json.loads(json.dumps(raw))
        assert [error.message for error in VALIDATOR.iter_errors(plain)] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_drawn_is_mostly_valid(section: str) -> None:
    """Guards the property above: were everything drawn refused, it would say little."""
    good: list[bool] = []

    @settings(max_examples=30)
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        raw = {section: data.draw(drawn(SCENARIO.keys[section].type))}
        good.append(isinstance(made({"apiVersion": API_VERSION, "kind": "Scenario", **raw}), Scenario))

    draw()
    assert sum(good) * 10 >= len(good) >= 6


REFUSED = [
    {"sed": 1},
    {"seed": -1},
    {"fleet": [{"pool": "a", "shape": "dgx", "nodes": 1}]},
    {"fleet": [{"shape": "cpu-16", "nodes": 1}]},
    {"failures": [{"at": "1s", "pod": "a", "node": "b"}]},
    {"failures": [{"domain": "rack"}]},
    {"actions": [{"at": "1s"}]},
    {"pods": [{"start": {"lognormal": {"median": "1s"}}}]},
    {"pods": [{"run": "never"}]},
    {"until": "soon"},
    {"expect": [{"jobset": "a", "restart": 1}]},
]


@pytest.mark.parametrize("sections", REFUSED)
def test_the_schema_refuses_what_reading_refuses(sections: dict[str, Any]) -> None:
    raw = {"apiVersion": API_VERSION, "kind": "Scenario", **sections}
    assert isinstance(made(raw), list)
    assert not VALIDATOR.is_valid(raw)


def test_every_key_is_in_the_schema() -> None:
    properties = json_schema()["properties"]
    assert list(properties) == list(SCENARIO.keys)
    assert properties["fleet"]["items"]["properties"]["shape"]["anyOf"][0]["enum"][0] == "cpu-16"
    assert properties["pods"]["items"]["properties"]["start"]["$ref"] == "#/$defs/law"
