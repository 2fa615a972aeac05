"""Manifests: files and patterns, ``kind: List``, sizes, and what is said about them on stderr."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jobsim.api.kinds import KINDS
from jobsim.errors import InputError, InputErrors
from jobsim.scenario.check import path_text, shown
from jobsim.scenario.compose import Where
from jobsim.scenario.yaml import Document, Lines, is_scenario, read_documents

#: The most pods that the manifests of a run may ask for at once, and the most Jobs.
MAX_PODS = 1_000_000
MAX_JOBS = 1_000_000

POD_GROUP = "PodGroup"
_GANGS_OFF = (
    "PodGroups do nothing: Kubernetes' gate GangScheduling is off, as by default (control.featureGates)"
)


class Manifest(NamedTuple):
    """One Kubernetes object as somebody wrote it: when it is applied, its data, where it is from."""

    at: int
    data: Mapping[str, Any]
    file: str = ""
    line: int | None = None
    lines: Lines | None = None
    prefix: Where = ()

    @property
    def kind(self) -> str:
        """Its kind, or nothing."""
        kind = self.data.get("kind")
        return kind if isinstance(kind, str) else ""

    @property
    def name(self) -> str:
        """Its name or generateName, or nothing."""
        meta = self.data.get("metadata")
        name = (meta.get("name") or meta.get("generateName")) if isinstance(meta, Mapping) else ""
        return name if isinstance(name, str) else ""

    @property
    def simulated(self) -> bool:
        """Whether it is of a kind that does something here; others are stored and listed."""
        info = KINDS.get(self.kind)
        group = str(self.data.get("apiVersion", "")).rpartition("/")[0]
        return info is not None and info.group == group

    def line_of(self, path: Where) -> int | None:
        """Return the line of a field of the object."""
        return self.lines.of((*self.prefix, *path)) if self.lines is not None else self.line

    def error(self, path: Where, text: str) -> InputError:
        """Return an error about a field of the object."""
        full = path_text((*self.prefix, *path))
        return InputError(text, file=self.file, line=self.line_of(path), path=full)


def matching_files(pattern: str, folder: Path) -> list[Path]:
    """Return the files that a path or pattern names, relative to a folder, in the order of names.

    Raises
    ------
    InputError
        When there is no such file.
    """
    path = folder / pattern
    name = shown(pattern).strip('"')
    where = "this folder" if str(folder) == "." else str(folder)
    try:
        if path.is_dir():
            raise InputError(f"{name} is a directory (a file or a pattern such as {name}/*.yaml)")
        if path.exists():
            return [path]
        if glob.has_magic(pattern):
            found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
            if files := [folder / p for p in found if (folder / p).is_file()]:
                return files
            raise InputError(f"{name} matches no file (relative to {where})")
    except (OSError, ValueError):
        pass  # a name that no file can have
    raise InputError(f"{name} does not exist (relative to {where})")


def read_manifests(path: Path, at: int = 0) -> list[Manifest]:
    """Return the objects of a file, in order.

    Raises
    ------
    InputErrors
        When the file cannot be read, an object has no kind, or the file is a Scenario.
    """
    return from_documents(read_documents(path), at)


def from_documents(documents: Sequence[Document], at: int = 0) -> list[Manifest]:
    """Return the objects of documents; a List (of any kind) stands for its items, as with kubectl."""
    manifests: list[Manifest] = []
    errors: list[InputError] = []
    for document in documents:
        top = Manifest(at, document.data, document.file, document.line, document.lines)
        for manifest in unpack(top):
            fault = _nameless(manifest)
            if fault:
                errors.append(fault)
            else:
                manifests.append(manifest)
    if errors:
        raise InputErrors(errors)
    return manifests


def unpack(manifest: Manifest) -> Iterator[Manifest]:
    """Yield a manifest, or the items of a List."""
    todo = [manifest]
    while todo:
        top = todo.pop()
        items = top.data.get("items")
        if not (top.kind.endswith("List") and isinstance(items, list)):
            yield top
            continue
        children = []
        for i, item in enumerate(items):
            prefix = (*top.prefix, "items", i)
            line = top.lines.of(prefix) if top.lines is not None else top.line
            data = item if isinstance(item, Mapping) else {}
            children.append(Manifest(top.at, data, top.file, line, top.lines, prefix))
        todo.extend(reversed(children))


def _nameless(manifest: Manifest) -> InputError | None:
    """Return what kubectl would say of an object without kind or apiVersion."""
    missing = [key for key in ("kind", "apiVersion") if not isinstance(manifest.data.get(key), str)]
    if is_scenario(manifest.data):
        return manifest.error((), "is a Scenario, not a Kubernetes object (give it to jobsim by itself)")
    if not missing:
        return None
    return manifest.error((), f"{' and '.join(missing)} not set (every object says its apiVersion and kind)")


# ---- sizes


def size_errors(manifests: Iterable[Manifest]) -> list[InputError]:
    """Return an error for each workload that asks for more pods or Jobs than a run may have."""
    errors, pods_total, jobs_total = [], 0, 0
    for manifest in manifests:
        for path, jobs, pods in _sizes(manifest):
            pods_total, jobs_total = pods_total + jobs * pods, jobs_total + jobs
            if jobs_total > MAX_JOBS or pods_total > MAX_PODS:
                text = f"asks for {_counted(jobs, 'Job')} of {_counted(pods, 'pod')}, too many for one run"
                limit = f" (at most {MAX_PODS} pods and {MAX_JOBS} Jobs in all)"
                errors.append(manifest.error(path, text + limit))
                pods_total, jobs_total = pods_total - jobs * pods, jobs_total - jobs
    return errors


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _sizes(manifest: Manifest) -> Iterator[tuple[Where, int, int]]:
    """Yield path, Jobs and pods a Job of each template; what is no number is left to admission."""
    spec = _map(manifest.data.get("spec"))
    if manifest.kind == "Job":
        yield ("spec", "parallelism"), 1, _pods(spec)
    elif manifest.kind == "JobSet":
        replicated = spec.get("replicatedJobs")
        for i, entry in enumerate(replicated if isinstance(replicated, list) else ()):
            job = _map(_map(_map(entry).get("template")).get("spec"))
            yield ("spec", "replicatedJobs", i, "replicas"), _count(_map(entry), "replicas"), _pods(job)


def _pods(job: Mapping[str, Any]) -> int:
    parallelism = _count(job, "parallelism")
    return min(parallelism, _count(job, "completions")) if "completions" in job else parallelism


def _count(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key, 1)
    return value if isinstance(value, int) and value > 0 else 1


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# ---- what is said


def repeated_keys(documents: Iterable[Document]) -> list[str]:
    """Return a sentence for each key that a manifest has twice."""
    return [
        f"{document.file}:{twice.line}: {path_text(twice.path)}: occurs twice; "
        "the last one counts, as with kubectl"
        for document in documents
        for twice in document.duplicates
    ]


def stored_only(manifests: Iterable[Manifest], *, gangs: bool = False) -> list[str]:
    """Return which kinds are stored and listed but do nothing here, in one sentence.

    Parameters
    ----------
    gangs : bool
        Whether the scheduler heeds PodGroups (its feature gate); where it does not, a sentence says how.
    """
    counts: dict[str, int] = {}
    for manifest in manifests:
        if not manifest.simulated:
            counts[manifest.kind] = counts.get(manifest.kind, 0) + 1
    groups = counts.pop(POD_GROUP, 0)
    told = [_GANGS_OFF] if groups and not gangs else []
    if not counts:
        return told
    named = ", ".join(kind if n == 1 else f"{kind} ({n})" for kind, n in counts.items())
    return [f"not simulated, only stored: {named}", *told]
