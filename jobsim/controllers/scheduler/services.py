"""Which Services select a pod: the system's default spreading asks (K-SCH-16).

Source: kubernetes pkg/scheduler/framework/plugins/helper/spread.go DefaultSelector.
"""

from __future__ import annotations

from jobsim.api.core import Service
from jobsim.api.meta import Labels
from jobsim.api.selectors import matches_map


class ServiceIndex:
    """Services by one pair of their selector, so that a pod looks at few of them."""

    def __init__(self) -> None:
        self._selectors: dict[tuple[str, str], Labels] = {}
        self._by_pair: dict[tuple[str, str, str], dict[tuple[str, str], Labels]] = {}

    def set(self, service: Service, *, gone: bool = False) -> None:
        """Add, change or remove a Service."""
        key = service.key
        old = self._selectors.pop(key, None)
        if old:
            pair = (key[0], *min(old.items()))
            del self._by_pair[pair][key]
            if not self._by_pair[pair]:
                del self._by_pair[pair]
        # A selector of nothing selects everything, but asks for no spreading either.
        if gone or not service.spec.selector:
            return
        self._selectors[key] = service.spec.selector
        pair = (key[0], *min(service.spec.selector.items()))
        self._by_pair.setdefault(pair, {})[key] = service.spec.selector

    def merged_selector(self, namespace: str, labels: Labels) -> dict[str, str]:
        """Return the pairs that the Services selecting a pod ask for, together; empty if there is none."""
        merged: dict[str, str] = {}
        if not self._selectors:
            return merged
        if len(self._selectors) < len(labels):
            for (of, _), selector in self._selectors.items():
                if of == namespace and matches_map(selector, labels):
                    merged.update(selector)
            return merged
        for key, value in labels.items():
            found = self._by_pair.get((namespace, key, value))
            if found:
                for selector in found.values():
                    if matches_map(selector, labels):
                        merged.update(selector)
        return merged
