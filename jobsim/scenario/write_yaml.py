"""Writing YAML as ``kubectl get -o yaml`` does: keys sorted, lists not indented, texts quoted when needed."""

from __future__ import annotations

from typing import Any

import yaml

from jobsim.scenario.scalars import ScalarError, resolve

_STR = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """No anchors: whoever reads it sees every value where it is."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quote what kubectl would read back as something else than text (``on``, ``0644``)."""
    untyped: Any = dumper
    plain = untyped.resolve(yaml.ScalarNode, text, (True, False)) == _STR and _stays_text(text)
    style = "|" if "\n" in text else None if plain else '"'
    return dumper.represent_scalar(_STR, text, style=style)


def _stays_text(text: str) -> bool:
    try:
        return isinstance(resolve(None, text), str)
    except ScalarError:
        return False


_Dumper.add_representer(str, _text)


def to_yaml(data: Any) -> str:
    """Return plain data as YAML text.

    Examples
    --------
    >>> print(to_yaml({"b": ["on", 1], "a": None}), end="")
    a: null
    b:
    - "on"
    - 1
    """
    text = yaml.dump(data, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**20)
    assert isinstance(text, str)
    return text
