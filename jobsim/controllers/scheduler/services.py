"""Which Services select a pod: the system's default spreading asks (K-SCH-16).

Source: kubernetes pkg/scheduler/framework/plugins/helper/spread.go DefaultSelector.
"""

from __future__ import annotations

from jobsim.api.core import Service
from jobsim.api.meta import Labels
from jobsim.api.selectors import matches_map

#: Distinct answers that are kept.
_MERGED_MAX = 10_000


class ServiceIndex:
    """Services by one pair of their selector, so that a pod looks at few of them."""

    def __init__(self) -> None:
        self._selectors: dict[tuple[str, str], Labels] = {}
        self._by_pair: dict[tuple[str, str, str], dict[tuple[str, str], Labels]] = {}
        #: Every key that a selector asks for, and the answers by a pod's values at these.
        self._keys: tuple[str, ...] = ()
        self._merged: dict[tuple[str | None, ...], Labels] = {}

    def set(self, service: Service, *, gone: bool = False) -> None:
        """Add, change or remove a Service."""
        key = service.key
        self._merged.clear()
        old = self._selectors.pop(key, None)
        if old:
            pair = (key[0], *min(old.items()))
            del self._by_pair[pair][key]
            if not self._by_pair[pair]:
                del self._by_pair[pair]
        # A selector of nothing selects everything, but asks for no spreading either.
        if not gone and service.spec.selector:
            self._selectors[key] = service.spec.selector
            pair = (key[0], *min(service.spec.selector.items()))
            self._by_pair.setdefault(pair, {})[key] = service.spec.selector
        self._keys = tuple(sorted({name for selector in self._selectors.values() for name in selector}))

    def merged_selector(self, namespace: str, labels: Labels) -> Labels:
        """Return the pairs that the Services selecting a pod ask for, together; empty if there is none."""
        if not self._selectors:
            return {}
        asked = (namespace, *map(labels.get, self._keys))
        known = self._merged.get(asked)
        if known is None:
            if len(self._merged) >= _MERGED_MAX:
                self._merged.clear()
            known = self._merged[asked] = self._merge(namespace, labels)
        return known

    def _merge(self, namespace: str, labels: Labels) -> Labels:
        merged: dict[str, str] = {}
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
