"""``fleet``: machines, their racks and blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobsim.api import quantity
from jobsim.api.core import Taint
from jobsim.hardware import catalogue
from jobsim.hardware.catalogue import Hardware, Shape
from jobsim.hardware.slices import TPU_TOPOLOGY, slice_of
from jobsim.scenario.check import At, Either, Key, Leaf, ListOf, MapOf, Record, Schema, shown
from jobsim.scenario.leaves import LABEL_KEY, LABEL_VALUE, NAME, QUANTITY, choice, number, text, whole
from jobsim.scenario.model import Oversubscription, Pool

#: The most nodes of a fleet, of all its pools.
MAX_NODES = 200_000

TAINT = Record(
    Taint,
    {
        "key": Key(LABEL_KEY, required=True),
        "value": Key(LABEL_VALUE),
        "effect": Key(choice("NoSchedule", "PreferNoSchedule", "NoExecute"), required=True),
    },
)


def _find_shape(raw: Any, known: Hardware) -> Shape:
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is no shape")
    return catalogue.shape(raw, known.shapes)


class _CatalogueName(Leaf):
    """A name of the catalogue, or of the Scenario's own; the error's text lists what there is."""

    def __init__(self, allowed: str, find: Callable[[Any, Hardware], Any], names: Callable[[], Any]) -> None:
        super().__init__(allowed, lambda raw: find(raw, catalogue.hardware()), {})
        self._find, self._names = find, names

    def read(self, raw: Any, at: At) -> Any:
        """Return what the name stands for."""
        if at.known is None:
            return super().read(raw, at)
        return Leaf(self.allowed, lambda raw: self._find(raw, at.known), {}).read(raw, at)

    def schema(self) -> Schema:
        """Return the catalogue's names; those of a user's file are not known here."""
        return {"enum": list(self._names())}


_SHAPE_NAME = _CatalogueName("a name of the catalogue or an inline shape", _find_shape, catalogue.shapes)
_FABRIC_NAME = _CatalogueName(
    "a name of the catalogue",
    lambda raw, known: catalogue.fabric(str(raw), known.fabrics).name,
    catalogue.fabrics,
)


_RESOURCES = MapOf(LABEL_KEY, QUANTITY)


def _shape(**fields: Any) -> Shape:
    for key in ("accelerators", "resources"):
        for name, amount in fields.get(key, {}).items():
            if quantity.parse(amount) % quantity.NANO:
                raise ValueError(f"{key}.{name}: {shown(amount)} is not whole (devices are counted whole)")
    return Shape(**fields)


_SHAPE = Either(
    allowed="a name of the catalogue, or {cpu, memory, pods, accelerators}",
    scalar=_SHAPE_NAME,
    map=Record(
        _shape,
        {
            "cpu": Key(QUANTITY, required=True),
            "memory": Key(QUANTITY, required=True),
            "pods": Key(whole(1, 10_000), "the kubelet's limit [110]"),
            "accelerators": Key(_RESOURCES),
            "resources": Key(_RESOURCES, "other extended resources"),
            "labels": Key(MapOf(LABEL_KEY, LABEL_VALUE)),
            "fabric": Key(_FABRIC_NAME),
        },
    ),
)


def _pool(**fields: Any) -> Pool:
    pool = Pool(**fields)
    if not pool.nodes_per_rack and ("blocks" in fields or "racks" in fields):
        if pool.topology:
            raise ValueError("racks and blocks of a topology come from its file (topology alone)")
        raise ValueError("a flat pool has no racks and blocks (nodes alone, or nodesPerRack with them)")
    if pool.size > MAX_NODES:
        raise ValueError(f"{pool.size} nodes are too many (at most {MAX_NODES})")
    if pool.shape.topologies and TPU_TOPOLOGY in pool.labels:
        slice_of(pool.shape, pool.labels[TPU_TOPOLOGY])
    return pool


_MANY = whole(1, MAX_NODES)
POOL = Record(
    _pool,
    {
        "pool": Key(NAME, "nodes are <pool>-<n>, racks <pool>-r<n>, blocks <pool>-b<n>", required=True),
        "shape": Key(_SHAPE, "the machine", required=True),
        "blocks": Key(_MANY, "[1]"),
        "racks": Key(_MANY, "in each block [1]"),
        "nodesPerRack": Key(_MANY),
        "nodes": Key(_MANY, "of a flat pool, instead of nodesPerRack"),
        "topology": Key(
            text("a path"), "instead: a CSV file, a row a host with its switches or a row a link"
        ),
        "blockLabels": Key(ListOf(LABEL_KEY), "label keys whose value is the block's name"),
        "rackLabels": Key(ListOf(LABEL_KEY), "label keys whose value is the rack's name"),
        "labels": Key(MapOf(LABEL_KEY, LABEL_VALUE), "on every node"),
        "taints": Key(ListOf(TAINT), "on every node"),
        "fabric": Key(_FABRIC_NAME, "network preset [the shape's]"),
        "oversubscription": Key(
            Record(Oversubscription, {"rack": Key(number(1)), "block": Key(number(1))}),
            "capacity of the down-links over that of the up-links [1]",
        ),
    },
    one_of=[("nodes", "nodesPerRack", "topology")],
)
