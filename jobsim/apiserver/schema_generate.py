"""Make ``schema_data/core.json`` from the type declarations of k8s.io/api and k8s.io/apimachinery.

For maintainers, when the simulated Kubernetes version changes; nothing imports this::

    python -m jobsim.apiserver.schema_generate API_DIR APIMACHINERY_DIR > core.json

Only facts about fields are read: JSON name, type, omitempty, and the markers ``+optional``,
``+listType``, ``+listMapKey`` and ``+default``.  A struct becomes a list of lines
``name type flags...``; the flags are ``o`` (omitempty), ``z`` (omitzero), ``r`` (required in a CRD
schema), ``map=key,key``, ``set`` and ``default=JSON``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOTS = [
    "core.Pod",
    "core.Node",
    "core.Service",
    "core.PersistentVolumeClaim",
    "core.Namespace",
    "core.ConfigMap",
    "core.Secret",
    "core.ServiceAccount",
    "core.Event",
    "batch.Job",
    "batch.JobTemplateSpec",
    "scheduling.PriorityClass",
    "policy.PodDisruptionBudget",
    "meta.Condition",
]
#: Types that Go decodes by code of their own.
SPECIAL = {
    "resource.Quantity": "Quantity",
    "meta.Time": "Time",
    "meta.MicroTime": "Time",
    "intstr.IntOrString": "IntOrString",
    "runtime.RawExtension": "any",
    "meta.FieldsV1": "any",
    "types.UID": "types.UID",
    "[]byte": "bytes",
}
ALIASES = {"v1": "core", "apiv1": "core", "corev1": "core", "metav1": "meta"}

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"^type (\w+) ((?:map\[\w+\]|\[\])?[\w.]+)$", re.MULTILINE)
_FIELD = re.compile(r'^\t(?:(\w+)\s+)?([\w.\[\]*]+)\s+`json:"([^"]*)"')
_MARKER = re.compile(r"^\t// ?\+(\w+)(?:=(.*))?$")


def resolve(type_: str, package: str) -> str:
    """Return a Go type with its package written in full: ``[]core.Container``."""
    prefix = re.match(r"(?:\*|\[\]|map\[\w+\])*", type_)
    assert prefix is not None
    head, base = prefix.group(), type_[prefix.end() :]
    if base == "byte" and head.endswith("[]"):
        return head[:-2] + "bytes"
    if "." in base:
        owner, _, name = base.partition(".")
        base = f"{ALIASES.get(owner, owner)}.{name}"
    elif base[0].isupper():
        base = f"{package}.{base}"
    head = re.sub(r"map\[([A-Z]\w*)\]", rf"map[{package}.\1]", head)
    return head + SPECIAL.get(base, base)


def base_of(type_: str) -> str:
    """Return what is left of a type without pointers, slices and maps."""
    return re.sub(r"^(?:\*|\[\]|map\[[\w.]+\])*", "", type_)


def read_package(path: Path, package: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the structs (as lines) and the other named types of a file."""
    text = path.read_text(encoding="utf-8")
    structs = {f"{package}.{m[1]}": _fields(m[2], package) for m in _STRUCT.finditer(text)}
    named = {f"{package}.{m[1]}": resolve(m[2], package) for m in _NAMED.finditer(text)}
    return structs, named


def _fields(body: str, package: str) -> list[str]:
    lines: list[str] = []
    markers: list[tuple[str, str]] = []
    for line in body.splitlines():
        marker = _MARKER.match(line)
        field = _FIELD.match(line)
        if marker:
            markers.append((marker[1], marker[2] or ""))
        elif field:
            lines.append(_line(field, markers, package))
            markers = []
    return lines


def _line(field: re.Match[str], markers: list[tuple[str, str]], package: str) -> str:
    name, *options = field[3].split(",")
    if "inline" in options or not name:
        return f"... {resolve(field[2], package)}"
    flags = [flag for flag, option in (("o", "omitempty"), ("z", "omitzero")) if option in options]
    optional = bool(flags) or ("optional", "") in markers
    if not optional or ("required", "") in markers:
        flags.append("r")
    keys = [value for key, value in markers if key == "listMapKey"]
    if keys:
        flags.append("map=" + ",".join(keys))
    if ("listType", "set") in markers:
        flags.append("set")
    flags += [
        f"default={value}" for key, value in markers if key == "default" and not value.startswith("ref(")
    ]
    return " ".join([name, resolve(field[2], package), *flags])


def flatten(name: str, structs: dict[str, list[str]]) -> list[str]:
    """Return a struct's lines with its inlined structs in place."""
    out: list[str] = []
    for line in structs[name]:
        out += flatten(line[4:], structs) if line.startswith("... ") else [line]
    return out


def main(api: str, machinery: str) -> None:
    """Print the table of all types that the roots reach."""
    structs: dict[str, list[str]] = {}
    named: dict[str, str] = {}
    for package in ("core", "batch", "scheduling", "policy"):
        more = read_package(Path(api) / package / "v1" / "types.go", package)
        structs.update(more[0])
        named.update(more[1])
    more = read_package(Path(machinery) / "pkg/apis/meta/v1/types.go", "meta")
    structs.update(more[0])
    named.update(more[1])
    reached: dict[str, list[str]] = {}
    used: dict[str, str] = {"types.UID": "string"}
    queue = list(ROOTS)
    while queue:
        name = queue.pop(0)
        if name in reached or name in used:
            continue
        if name in named:
            used[name] = named[name]
            queue += re.findall(r"[a-z]+\.[A-Z]\w*", named[name])
        elif name in structs:
            reached[name] = flatten(name, structs)
            queue += [
                part for line in reached[name] for part in re.findall(r"[a-z]+\.[A-Z]\w*", line.split()[1])
            ]
    table = {"named": dict(sorted(used.items())), "structs": dict(sorted(reached.items()))}
    print(json.dumps(table, indent=0, separators=(",", ":")))


if __name__ == "__main__":
    main(*sys.argv[1:])
