"""Checks between sections: pools and nodes that are named somewhere must exist, files too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobsim.hardware.catalogue import Hardware
from jobsim.scenario import model
from jobsim.scenario.check import Finding, nearest
from jobsim.scenario.compose import Where
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.table.fleet import MAX_NODES


def findings_between(
    good: Mapping[str, Any], manifests: Sequence[Manifest], folder: Path, known: Hardware
) -> list[Finding]:
    """Return what is wrong between the sections that were read well.

    Parameters
    ----------
    good : mapping
        Fields of the Scenario by name.
    manifests : sequence of Manifest
        All objects, those of later actions too.
    folder : Path
        What relative paths are relative to.
    known : Hardware
        The shapes and fabrics that pools may name.
    """
    findings = list(_pools(good.get("fleet") or ()))
    failures: Sequence[model.FailureSpec] = good.get("failures", ())
    fleet: Sequence[model.Pool] | None = good.get("fleet")
    for path, pool in _pool_names(failures):
        names = [known.pool for known in fleet or ()]
        if pool and pool not in names:
            findings.append(Finding(path, f'no pool "{pool}" {_among(pool, names, "the fleet has")}'))
    own_nodes = [manifest.name for manifest in manifests if manifest.kind == "Node"]
    for path, node in _node_names(failures, good.get("actions", ())):
        if fleet is not None and not _exists(node, fleet, own_nodes):
            shown = [f"{pool.pool}-0 to {pool.pool}-{pool.size - 1}" for pool in fleet] + own_nodes[:5]
            findings.append(Finding(path, f'no node "{node}" {_among(node, shown, "there are")}'))
    for i, failure in enumerate(failures):
        if isinstance(failure, model.FailureTrace) and not (folder / failure.trace).is_file():
            findings.append(Finding(("failures", i, "trace"), f"{failure.trace} does not exist (a file)"))
    if any(workload.on_network for workload in good.get("workloads", ())):
        # Only these need numpy, which costs more than reading a file does.
        from jobsim.scenario import exchanging

        findings += exchanging.findings(good, manifests, known)
    return findings


def _among(word: str, names: Sequence[str], there_are: str) -> str:
    hint = nearest(word, names)
    meant = f"did you mean {hint}? " if hint else ""
    return f"({meant}{there_are} {', '.join(names) or 'none'})"


def _pools(fleet: Sequence[model.Pool]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    total = 0
    for i, pool in enumerate(fleet):
        if pool.pool in seen:
            first = seen[pool.pool]
            yield Finding(("fleet", i, "pool"), f'"{pool.pool}" is also fleet[{first}] (each pool once)')
        seen.setdefault(pool.pool, i)
        total += pool.size
        if total > MAX_NODES >= total - pool.size:
            text = f"the fleet has more than {MAX_NODES} nodes from here on (at most {MAX_NODES})"
            yield Finding(("fleet", i), text)


def _pool_names(failures: Sequence[model.FailureSpec]) -> Iterator[tuple[Where, str]]:
    for i, failure in enumerate(failures):
        at = ("failures", i)
        match failure:
            case model.Spot(spot=plan):
                yield (*at, "spot", "pool"), plan.pool
            case model.Maintenance(maintenance=plan):
                yield (*at, "maintenance", "pool"), plan.pool
            case model.Stragglers(stragglers=plan):
                yield (*at, "stragglers", "pool"), plan.pool
            case model.FailureProcess(pool=pool):
                yield (*at, "pool"), pool


def _node_names(
    failures: Sequence[model.FailureSpec], actions: Sequence[model.ActionSpec]
) -> Iterator[tuple[Where, str]]:
    for i, failure in enumerate(failures):
        if isinstance(failure, model.NodeFailure):
            yield ("failures", i, "node"), failure.node
    for i, action in enumerate(actions):
        if action.verb in ("cordon", "uncordon", "drain", "taint") and action.target is not None:
            key: Where = ("taint", "node") if action.verb == "taint" else (action.verb,)
            yield ("actions", i, *key), action.target.name


def _exists(node: str, fleet: Sequence[model.Pool], own_nodes: Sequence[str]) -> bool:
    if node in own_nodes:
        return True
    pool_name, _, number = node.rpartition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 10 and number == str(int(number))):
        return False
    return any(pool.pool == pool_name and int(number) < pool.size for pool in fleet)
