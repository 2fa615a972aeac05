"""The catalogue of components: how often parts of published fleets failed, as data with sources.

``components.json`` lies beside this file and says its units.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from pathlib import Path

from jobsim.api._struct import Struct
from jobsim.laws import ZERO, Exponential, Fixed, Law, Lognormal
from jobsim.units import DAY, HOUR, SECOND

_FILE = Path(__file__).resolve().parent / "components.json"


class Component(Struct, kw_only=True):
    """A part that fails.

    Parameters
    ----------
    name, title : str
    per : str
        What one entity is.
    mtbf : int
        Mean time between failures of one entity, ns.
    repair, detect : Law
    source : str
    """

    name: str
    title: str
    per: str
    mtbf: int
    repair: Law = ZERO
    detect: Law = ZERO
    source: str

    @property
    def law(self) -> Law:
        """Time between failures."""
        return Exponential(mean=self.mtbf)


def components() -> dict[str, Component]:
    """Return all components by name, in the file's order."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    sources: Mapping[str, str] = data["sources"]
    return {row["name"]: _component(row, sources) for row in data["components"]}


def component(name: str) -> Component | str:
    """Return a component, or the names that are near one that is not there (or all)."""
    known = components()
    if name in known:
        return known[name]
    return ", ".join(difflib.get_close_matches(name.lower(), known, n=4, cutoff=0.3) or known)


class UnknownComponent(Exception):
    """There is no component of a name; the text says which are near."""


def find(name: str, known: Mapping[str, Component]) -> Component:
    """Return a component.

    Raises
    ------
    UnknownComponent
        When there is none of the name.
    """
    if name not in known:
        raise UnknownComponent(f'no component "{name}" (there are {component(name)})')
    return known[name]


def lognormal(median_h: float, mean_h: float) -> Law:
    """Return the lognormal law with this median and mean, hours."""
    sigma = math.sqrt(2 * math.log(mean_h / median_h))
    return Lognormal(median=round(median_h * HOUR), sigma=sigma)


def _component(row: Mapping[str, object], sources: Mapping[str, str]) -> Component:
    def number(key: str) -> float:
        value = row[key]
        assert isinstance(value, int | float), key
        return float(value)

    repair = (
        ZERO
        if "repair_median_h" not in row
        else lognormal(number("repair_median_h"), number("repair_mean_h"))
    )
    detect = ZERO if "detect_s" not in row else Fixed(value=round(number("detect_s") * SECOND))
    return Component(
        name=str(row["name"]),
        title=str(row["title"]),
        per=str(row["per"]),
        mtbf=round(number("mtbf_days") * DAY),
        repair=repair,
        detect=detect,
        source=sources[str(row["source"])],
    )
