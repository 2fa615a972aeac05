"""Every key of the Scenario file: what it may be, what it becomes, what it means.

One table, read by the loader, by the errors and by ``jobsim schema``.
"""

from __future__ import annotations

from typing import Any

from jobsim.api._struct import Struct
from jobsim.api.meta import Labels
from jobsim.scenario import model
from jobsim.scenario.check import Either, Forms, Key, Leaf, ListOf, MapOf, Object, Record, Schema
from jobsim.scenario.leaves import (
    BOOLEAN,
    DURATION,
    LABEL_KEY,
    LABEL_VALUE,
    LAW,
    POSITIVE,
    choice,
    text,
    whole,
)
from jobsim.scenario.table.actions import ACTION, FAULT
from jobsim.scenario.table.control import CONTROL
from jobsim.scenario.table.expect import EXPECTATION
from jobsim.scenario.table.failures import FAILURE
from jobsim.scenario.table.fleet import POOL
from jobsim.scenario.table.pods import POD_RULE
from jobsim.scenario.table.workloads import WORKLOAD
from jobsim.workload.behaviour import PodRule

API_VERSION = "jobsim/v1alpha1"
MAX_SEED = 2**63 - 1
#: Upstream's feature gates, and their names in ``controllers.jobset.Gates``.
GATES = {
    "InPlaceRestart": "in_place_restart",
    "RestartJob": "restart_job",
    "ElasticJobSet": "elastic_jobset",
}


class Metadata(Struct, kw_only=True):
    name: str = ""
    description: str = ""
    labels: Labels = {}
    annotations: Labels = {}


class Sections(Struct, kw_only=True):
    """The file as it is checked; ``load.Scenario`` adds what other files say."""

    api_version: str = API_VERSION
    kind: str = "Scenario"
    metadata: Metadata = Metadata()
    seed: int = 0
    until: int | None = None
    jobset: model.JobSetOptions = model.JobSetOptions()
    manifests: tuple[model.ManifestEntry, ...] = ()
    catalogue: tuple[str, ...] = ()
    fleet: tuple[model.Pool, ...] | None = None
    pods: tuple[PodRule, ...] = ()
    workloads: tuple[model.WorkloadSpec, ...] = ()
    failures: tuple[model.FailureSpec, ...] = ()
    actions: tuple[model.ActionSpec, ...] = ()
    control: model.ControlSpec = model.ControlSpec()
    faults: tuple[model.FaultSpec, ...] = ()
    expect: tuple[model.Expectation, ...] = ()


_METADATA = Record(
    Metadata,
    {
        "name": Key(text("a name")),
        "description": Key(text()),
        "labels": Key(MapOf(LABEL_KEY, LABEL_VALUE)),
        "annotations": Key(MapOf(text("a key"), Leaf("text", str, {"type": "string"}))),
    },
)


def _jobset_options(version: model.Version = "v0.12.0", **gates: Any) -> model.JobSetOptions:
    return model.JobSetOptions(version=version, gates=tuple(gates.get("gates", {}).items()))


_JOBSET = Record(
    _jobset_options,
    {
        "version": Key(choice("v0.12.0", "main"), "the simulated JobSet controller"),
        "gates": Key(Record(dict, {gate: Key(BOOLEAN, field=gate) for gate in GATES}), "feature gates"),
    },
)

_AT = Key(DURATION, "when it is applied")
MANIFEST = Either(
    allowed="a path, {at, file} or {at, object}",
    scalar=Leaf(
        "a path",
        lambda raw: model.ManifestEntry(file=text("a path").parse(raw)),
        {"type": "string", "minLength": 1},
    ),
    map=Forms(
        {
            "file": Record(model.ManifestEntry, {"at": _AT, "file": Key(text("a path"))}),
            "object": Record(model.ManifestEntry, {"at": _AT, "object": Key(Object("a Kubernetes object"))}),
        }
    ),
)


SCENARIO = Record(
    Sections,
    {
        "apiVersion": Key(choice(API_VERSION), required=True),
        "kind": Key(choice("Scenario"), required=True),
        "metadata": Key(_METADATA),
        "seed": Key(whole(0, MAX_SEED), "[0]; --seed wins"),
        "until": Key(POSITIVE, "[until nothing is left to happen, at most 30d]"),
        "jobset": Key(_JOBSET),
        "manifests": Key(ListOf(MANIFEST), "applied at t=0 in this order, unmodified"),
        "catalogue": Key(ListOf(text("a catalogue file's path")), "shapes and fabrics of your own"),
        "fleet": Key(ListOf(POOL), "machines [as many as the manifests need]"),
        "pods": Key(ListOf(POD_RULE), "how pods behave; the first match wins, key by key"),
        "workloads": Key(ListOf(WORKLOAD), "the training that gangs of pods do"),
        "failures": Key(ListOf(FAILURE)),
        "actions": Key(ListOf(ACTION), "what people and other systems do"),
        "control": Key(CONTROL, "the control plane's own time"),
        "faults": Key(ListOf(FAULT), "what the API does wrong"),
        "expect": Key(ListOf(EXPECTATION), "what must be true in the end"),
    },
)


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of the Scenario file."""
    return {
        # In two pieces: it is a name, not an address that anything here opens.
        "$schema": "https:" + "//json-schema.org/draft/2020-12/schema",
        "title": "jobsim Scenario",
        **SCENARIO.schema(),
        "$defs": {LAW.name: LAW.make().schema()},
    }
