"""What every ``kubectl describe`` page is made of: indented lines, maps, conditions, events.

Source: kubectl pkg/describe describe.go (v1.32).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jobsim.api.core import Event
from jobsim.api.meta import Labels, Object
from jobsim.api.pod import Toleration, TopologySpreadConstraint
from jobsim.api.quantity import canonical
from jobsim.api.selectors import format_selector
from jobsim.results.layout import DESCRIBE, align, one_line
from jobsim.results.printers import NONE, event_times, since
from jobsim.units import DAY, rfc3339

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ANNOTATION_LENGTH = 140
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Page:
    """Lines being collected; tabs in them become columns at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, text: str, level: int = 0) -> None:
        """Add a line; ``level`` indents it by two spaces each."""
        self._lines.append("  " * level + text)

    def field(self, label: str, value: object, level: int = 0) -> None:
        """Add ``label: value`` in the page's columns."""
        self.line(f"{label}:\t{_safe(value)}", level)

    def optional(self, label: str, value: object, level: int = 0) -> None:
        """Add ``label: value`` unless the value is empty or None."""
        if value not in (None, "", ()):
            self.field(label, value, level)

    def several(self, label: str, values: Iterable[str], level: int = 0) -> None:
        """Add values below each other, the first beside the label."""
        shown = list(values) or [NONE]
        self.line(f"{label}:\t{_safe(shown[0])}", level)
        for value in shown[1:]:
            self.line(f"\t{_safe(value)}")

    def labels(self, label: str, labels: Labels, level: int = 0) -> None:
        """Add ``key=value`` lines in the order of keys."""
        self.several(label, (f"{key}={labels[key]}" for key in sorted(labels)), level)

    def annotations(self, label: str, annotations: Labels, level: int = 0) -> None:
        """Add ``key: value`` lines in the order of keys; long values start below their key."""
        shown = []
        for key in sorted(annotations):
            value = annotations[key].removesuffix("\n")
            if key == _APPLIED:
                continue
            if len(value) + len(key) + 2 <= _ANNOTATION_LENGTH and "\n" not in value:
                shown.append(f"{key}: {value}")
                continue
            most = _ANNOTATION_LENGTH - 2
            cut = [line if len(line) <= most else line[:most] + "..." for line in value.split("\n")]
            shown += [f"{key}:", *(f"  {line}" for line in cut)]
        self.several(label, shown, level)

    def resources(self, label: str, resources: Mapping[str, str | int | float], level: int) -> None:
        """Add resource quantities in the order of names, under a heading; nothing if there are none."""
        if resources:
            self.line(f"{label}:", level)
        for name in sorted(resources):
            self.field(name, canonical(resources[name]), level + 1)

    def tolerations(self, label: str, tolerations: Sequence[Toleration], level: int = 0) -> None:
        """Add tolerations in the order of their keys."""
        self.several(label, map(_toleration, sorted(tolerations, key=lambda t: t.key)), level)

    def spread(self, label: str, constraints: Sequence[TopologySpreadConstraint], level: int = 0) -> None:
        """Add topology spread constraints in the order of their keys; nothing if there are none."""
        if constraints:
            self.several(label, map(_spread, sorted(constraints, key=lambda c: c.topology_key)), level)

    def events(self, events: Iterable[Event], now: int) -> None:
        """Add the table of events, oldest last sight first."""
        ordered = sorted(events, key=lambda event: event_times(event)[1] or 0)
        if not ordered:
            return self.field("Events", NONE)
        self.line("Events:")
        self.line("Type\tReason\tAge\tFrom\tMessage", 1)
        self.line("----\t------\t----\t----\t-------", 1)
        for event in ordered:
            first, last = event_times(event)
            seen = since(first, now)
            if event.count > 1:
                seen = f"{since(last, now)} (x{event.count} over {seen})"
            source = event.source.get("component") or event.reporting_component
            cells = (event.type, event.reason, seen, source, event.message.strip())
            self.line("\t".join(map(_safe, cells)), 1)
        return None

    def text(self) -> str:
        """Return the page with its columns set."""
        return align("".join(line + "\n" for line in self._lines), DESCRIBE)


def about(obj: Object, events: Iterable[Event]) -> list[Event]:
    """Return the events that are about an object (by UID where both have one)."""
    return [
        event
        for event in events
        if (ref := event.involved_object).kind == obj.kind
        and ref.name == obj.name
        and ref.namespace in ("", obj.namespace)
        and (not ref.uid or not obj.uid or ref.uid == obj.uid)
    ]


def date(ns: int | None) -> str:
    """Return virtual time as describe shows it: ``Mon, 05 Jan 2026 00:00:00 +0000``."""
    if ns is None:
        return "Mon, 01 Jan 0001 00:00:00 +0000"
    day, clock = rfc3339(ns)[:19].split("T")
    year, month, of_month = day.split("-")
    # Virtual time 0 is a Monday.
    return f"{_WEEKDAYS[ns // DAY % 7]}, {of_month} {_MONTHS[int(month) - 1]} {year} {clock} +0000"


def controlled_by(page: Page, obj: Object) -> None:
    """Add who controls an object, if anybody does."""
    owner = obj.controller()
    if owner is not None:
        page.field("Controlled By", f"{owner.kind}/{owner.name}")


def _safe(value: object) -> str:
    """Return text that can neither break the columns nor command a terminal."""
    return one_line(str(value).replace("\n", " "))


def _toleration(toleration: Toleration) -> str:
    text = toleration.key
    text += f"={toleration.value}" if toleration.value else ""
    text += f":{toleration.effect}" if toleration.effect else ""
    if toleration.operator == "Exists" and not toleration.value:
        text += " op=Exists" if text else "op=Exists"
    if toleration.toleration_seconds is not None:
        text += f" for {toleration.toleration_seconds}s"
    return text


def _spread(constraint: TopologySpreadConstraint) -> str:
    text = f"{constraint.topology_key}:{constraint.when_unsatisfiable}"
    text += f" when max skew {constraint.max_skew} is exceeded"
    if constraint.label_selector is not None:
        text += f" for selector {format_selector(constraint.label_selector)}"
    return text
