"""From files or Python values to a checked Scenario, with all errors at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jobsim.api._struct import replace
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue import Hardware, hardware
from jobsim.scenario import model
from jobsim.scenario.check import BAD, At, Finding, path_text
from jobsim.scenario.compose import Where
from jobsim.scenario.manifests import (
    Manifest,
    from_documents,
    matching_files,
    repeated_keys,
    size_errors,
    stored_only,
    unpack,
)
from jobsim.scenario.references import findings_between
from jobsim.scenario.table import API_VERSION, GATES, SCENARIO, Metadata
from jobsim.scenario.table.control import GANG_SCHEDULING
from jobsim.scenario.traces import TraceError, read_trace
from jobsim.scenario.yaml import Document, is_scenario, read_documents
from jobsim.workload.behaviour import PodRule


@dataclass(frozen=True, init=False)
class Scenario:
    """A what-if question: manifests, machines, behaviour, failures, actions, expectations.

    Parameters
    ----------
    manifests : sequence of str, Path or mapping
        Files (patterns allowed), Kubernetes objects, or ``{"at": ..., "file" | "object": ...}``.
    folder : str or Path
        What relative paths are relative to.
    **sections
        The other sections of the Scenario file, by their names there, as plain data: ``catalogue``,
        ``fleet``, ``pods``, ``workloads``, ``failures``, ``actions``, ``control``, ``faults``, ``expect``,
        ``jobset``, ``seed``, ``until``, ``metadata``.

    Raises
    ------
    InputErrors
        With every error that was found.

    Examples
    --------
    >>> Scenario(seed=7, until="2h").until == 2 * 3600 * 10**9
    True
    """

    metadata: Metadata
    seed: int
    until: int | None
    jobset: model.JobSetOptions
    manifests: tuple[Manifest, ...]
    catalogue: tuple[str, ...]
    fleet: tuple[model.Pool, ...] | None
    pods: tuple[PodRule, ...]
    workloads: tuple[model.WorkloadSpec, ...]
    failures: tuple[model.FailureSpec, ...]
    actions: tuple[model.ActionSpec, ...]
    #: The objects that each action applies; nothing for other verbs.
    applied: tuple[tuple[Manifest, ...], ...]
    control: model.ControlSpec
    faults: tuple[model.FaultSpec, ...]
    expect: tuple[model.Expectation, ...]
    #: The shapes and fabrics that it may name.
    hardware: Hardware
    file: str
    #: What the user should be told on stderr, a sentence each.
    notes: tuple[str, ...]
    _source: Document | None

    def __init__(self, *, manifests: Sequence[Any] = (), folder: str | Path = ".", **sections: Any) -> None:
        listed = isinstance(manifests, list | tuple)
        entries = [_entry(entry) for entry in manifests] if listed else manifests
        data = {"apiVersion": API_VERSION, "kind": "Scenario", "manifests": entries, **sections}
        self._fill(_Reading(data, Path(folder)).fields())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the Scenario of a file (or of plain manifests, as ``load_files``)."""
        return cls._of_files([str(path)])

    @classmethod
    def _of_files(cls, paths: Sequence[str], catalogues: Sequence[str] = ()) -> Self:
        made = cls.__new__(cls)
        made._fill(_fields_of_files(paths, catalogues))
        return made

    def _fill(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def changed(
        self,
        *,
        seed: int | None = None,
        until: str | float | None = None,
        gates: Mapping[str, bool] | None = None,
        version: str | None = None,
    ) -> Self:
        """Return a copy with what the command line may change, checked in the same way."""
        keys: dict[str, Any] = {"seed": seed, "until": until}
        options: dict[str, Any] = {"version": version or self.jobset.version}
        options["gates"] = {**dict(self.jobset.gates), **(gates or {})}
        findings: list[Finding] = []
        values: dict[str, Any] = {"jobset": SCENARIO.keys["jobset"].type.read(options, At(findings))}
        for name, raw in keys.items():
            if raw is not None:
                values[name] = SCENARIO.keys[name].type.read(raw, At(findings, (name,)))
        _refuse([InputError(text, path=path_text(path)) for path, text in findings])
        made = self.__class__.__new__(self.__class__)
        made._fill({**self.__dict__, **values})
        return made

    @property
    def gates(self) -> Gates:
        """The feature gates and version of the JobSet controller."""
        on = {GATES[name]: value for name, value in self.jobset.gates}
        return Gates(version=self.jobset.version, **on)

    def line_of(self, path: Where) -> int | None:
        """Return the line of a field of the Scenario's file."""
        return self._source.lines.of(path) if self._source is not None else None


def load_files(paths: Sequence[str], catalogues: Sequence[str] = ()) -> Scenario:
    """Return the Scenario that some files make together.

    Parameters
    ----------
    paths : sequence of str
        At most one Scenario, and any number of files with Kubernetes objects, which are applied at
        t=0 in the order given.
    catalogues : sequence of str
        Files with shapes and fabrics, beside those that the Scenario names.

    Raises
    ------
    InputErrors
        With every error of every file.
    """
    return Scenario._of_files(paths, catalogues)


def _entry(entry: Any) -> Any:
    if isinstance(entry, Path):
        return str(entry)
    if isinstance(entry, Mapping) and "kind" in entry:
        return {"object": entry}
    return entry


def _refuse(errors: Sequence[InputError]) -> None:
    if errors:
        raise InputErrors(errors)


def _fields_of_files(paths: Sequence[str], catalogues: Sequence[str]) -> dict[str, Any]:
    errors: list[InputError] = []
    documents: list[Document] = []
    for path in paths:
        try:
            documents += read_documents(Path(path), path)
        except InputErrors as err:
            errors += err.errors
    ours = [document for document in documents if is_scenario(document.data)]
    for extra in ours[1:]:
        text = f"a second Scenario (one in all; the first is {ours[0].file}:{ours[0].line})"
        errors.append(InputError(text, file=extra.file, line=extra.line))
    before: list[Document] = []
    after: list[Document] = []
    side = before
    for document in documents:
        if is_scenario(document.data):
            side = after
        else:
            side.append(document)
    reading = _Reading.of_document(ours[0]) if ours else _Reading({"manifests": []}, Path())
    reading.errors += errors
    reading.catalogues += catalogues
    reading.add_documents(before, after)
    return reading.fields()


class _Reading:
    """One Scenario on its way in: collects fields and errors."""

    def __init__(self, data: Mapping[str, Any], folder: Path, source: Document | None = None) -> None:
        self.errors: list[InputError] = []
        self.notes: list[str] = []
        self.catalogues: list[str] = []
        self._data = {"apiVersion": API_VERSION, "kind": "Scenario", **data} if source is None else data
        self._folder = folder
        self._source = source
        self._before: list[Manifest] = []
        self._after: list[Manifest] = []

    @classmethod
    def of_document(cls, document: Document) -> Self:
        """Return the reading of a Scenario's document; a key that occurs twice is an error here."""
        reading = cls(document.data, Path(document.file).parent, document)
        for path, line in document.duplicates:
            text = "occurs twice (each key once)"
            reading.errors.append(InputError(text, file=document.file, line=line, path=path_text(path)))
        return reading

    def add_documents(self, before: Sequence[Document], after: Sequence[Document]) -> None:
        """Take in the objects that stand beside the Scenario, on the command line or in its file."""
        for documents, manifests in ((before, self._before), (after, self._after)):
            try:
                manifests += from_documents(documents)
            except InputErrors as err:
                self.errors += err.errors
            self.notes += repeated_keys(documents)

    def fields(self) -> dict[str, Any]:
        """Return the Scenario's fields, or raise everything that was found."""
        findings: list[Finding] = []
        known = self._hardware(findings)
        read = SCENARIO.read_fields(self._data, At(findings, known=known))
        good = {name: value for name, value in read.items() if value is not BAD}
        if good.get("fleet"):
            good["fleet"] = tuple(self._with_places(good["fleet"]))
        manifests = [*self._before, *self._manifests(good, findings), *self._after]
        applied = self._applied(good, findings)
        everything = [*manifests, *(m for objects in applied for m in objects)]
        # Nobody can tell what a workload is priced on while the fleet is wrong.
        judged = good if read.get("fleet") is not BAD else {**good, "workloads": ()}
        findings += findings_between(judged, everything, self._folder, known)
        good["failures"] = tuple(self._with_rows(good.get("failures", ()), findings))
        self.errors += [self._error(finding) for finding in findings]
        self.errors += size_errors(everything)
        _refuse(_by_place(self.errors))
        sections = SCENARIO.make(**good)
        gangs = dict(sections.control.feature_gates).get(GANG_SCHEDULING, False)
        self.notes += stored_only(everything, gangs=gangs)
        names = Scenario.__dataclass_fields__
        fields = {name: getattr(sections, name) for name in names if hasattr(sections, name)}
        return fields | {
            "manifests": tuple(manifests),
            "applied": tuple(applied),
            "hardware": known,
            "file": self._source.file if self._source is not None else "",
            "notes": tuple(self.notes),
            "_source": self._source,
        }

    def _hardware(self, findings: list[Finding]) -> Hardware:
        """Return the shapes and fabrics that there are: the Scenario's catalogues come first."""
        listed = self._data.get("catalogue")
        files = []
        for i, name in enumerate(listed if isinstance(listed, list | tuple) else ()):
            # What is no path the walker reports.
            if isinstance(name, str) and name:
                if (self._folder / name).is_file():
                    files.append(str(self._folder / name))
                else:
                    findings.append(Finding(("catalogue", i), f"{name} does not exist (a file)"))
        try:
            return hardware([*files, *self.catalogues])
        except InputErrors as err:
            # Without it nobody can tell which names are wrong.
            raise InputErrors([*self.errors, *map(self._error, findings), *err.errors]) from None

    def _with_places(self, fleet: Sequence[model.Pool]) -> Iterator[model.Pool]:
        """Yield the pools, those with a topology file with what it says."""
        for pool in fleet:
            if pool.topology:
                from jobsim.scenario.wired import wired  # it needs numpy, other fleets do not

                try:
                    yield wired(pool, self._folder / pool.topology)
                except InputErrors as err:
                    self.errors += err.errors
            else:
                yield pool

    def _with_rows(
        self, failures: Sequence[model.FailureSpec], findings: list[Finding]
    ) -> Iterator[model.FailureSpec]:
        """Yield the failures, those from traces with what stands in their files."""
        for i, failure in enumerate(failures):
            path = self._folder / failure.trace if isinstance(failure, model.FailureTrace) else None
            if path is None or not path.is_file():
                yield failure
                continue
            assert isinstance(failure, model.FailureTrace)
            try:
                yield replace(failure, rows=read_trace(path, failure))
            except TraceError as err:
                findings += [Finding(("failures", i, "trace"), text) for text in err.texts]

    def _error(self, finding: Finding) -> InputError:
        path, text = finding
        if self._source is None:
            return InputError(text, path=path_text(path))
        return InputError(
            text, file=self._source.file, line=self._source.lines.of(path), path=path_text(path)
        )

    def _manifests(self, good: Mapping[str, Any], findings: list[Finding]) -> list[Manifest]:
        """Return the objects of section manifests."""
        manifests: list[Manifest] = []
        for i, entry in enumerate(good.get("manifests", ())):
            at = At(findings, ("manifests", i))
            if entry.object is None:
                manifests += self._read(entry.file, at, entry.at)
                continue
            prefix: Where = ("manifests", i, "object")
            source = self._source
            line = source.lines.of(prefix) if source is not None else None
            top = Manifest(
                entry.at,
                entry.object,
                source.file if source else "",
                line,
                source.lines if source else None,
                prefix,
            )
            for manifest in unpack(top):
                if not (manifest.kind and isinstance(manifest.data.get("apiVersion"), str)):
                    at.child("object").error("apiVersion or kind not set (every object says both)")
                manifests.append(manifest)
        return manifests

    def _applied(self, good: Mapping[str, Any], findings: list[Finding]) -> list[tuple[Manifest, ...]]:
        """Return the objects that each action applies."""
        return [
            tuple(self._read(action.file, At(findings, ("actions", i, "apply")), action.at or 0))
            if action.verb == "apply"
            else ()
            for i, action in enumerate(good.get("actions", ()))
        ]

    def _read(self, pattern: str, at: At, when: int) -> list[Manifest]:
        try:
            files = matching_files(pattern, self._folder)
        except InputError as err:
            at.error(err.text)
            return []
        manifests: list[Manifest] = []
        for file in files:
            try:
                documents = read_documents(file)
                manifests += from_documents(documents, when)
                self.notes += repeated_keys(documents)
            except InputErrors as err:
                self.errors += err.errors
        return manifests


def _by_place(errors: Sequence[InputError]) -> list[InputError]:
    """Return errors in the order of files as they came and of lines within a file."""
    files = list(dict.fromkeys(error.file for error in errors))
    return sorted(errors, key=lambda error: (files.index(error.file), error.line or 0))
