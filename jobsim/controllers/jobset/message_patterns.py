r"""onJobFailureMessagePatterns: Go regular expressions, by the RE2 library.

Go's regexp package takes RE2 syntax; the one thing that the library knows and Go does not is
``\C``.  A pattern that does not compile matches nothing (C-FAI-06, C-API-30).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Go's limit on a compiled program is far above RE2's default of 8 MB.
_MEMORY_MAX = 256 << 20
#: An escaped pair, a quoted stretch, or the one escape that Go refuses.
_TOKENS = re.compile(r"\\Q.*?(?:\\E|$)|\\(.)", re.DOTALL)


class Patterns:
    """The patterns of one rule, compiled."""

    def __init__(self, patterns: Sequence[str]) -> None:
        # Loading the library costs more than a whole reconcile, and few JobSets have patterns.
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY_MAX
        self._compiled = []
        for pattern in patterns:
            if _has_byte_escape(pattern):
                continue
            try:
                self._compiled.append(re2.compile(pattern, options))
            except (re2.error, UnicodeError):
                continue

    def match(self, message: str) -> bool:
        """Tell whether any pattern matches somewhere in the message."""
        text = message if message.isascii() else message.encode("utf-8", "replace").decode()
        return any(compiled.search(text) is not None for compiled in self._compiled)


def _has_byte_escape(pattern: str) -> bool:
    r"""Tell whether a pattern uses ``\C`` (any byte)."""
    return "\\C" in pattern and any(match.group(1) == "C" for match in _TOKENS.finditer(pattern))
