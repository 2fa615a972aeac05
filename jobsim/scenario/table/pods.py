"""``pods``: how a pod behaves."""

from __future__ import annotations

import math
from typing import Any

from jobsim.scenario.check import At, Either, Key, Leaf, MapOf, Record, Schema, shown
from jobsim.scenario.leaves import DURATION, LABEL_KEY, LABEL_VALUE, LAW, LAW_FORMS, NAME, SHARE, fixed, text
from jobsim.workload.behaviour import ExitShare, PodMatch, PodRule, Ranges, parse_ranges


def _ranges(raw: Any) -> Ranges:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(f"{shown(raw)} is no number or range")
    try:
        return parse_ranges(raw)
    except ValueError:
        raise ValueError(f"{shown(raw)} is no number or range") from None


_RANGE = Leaf(
    'a number, or a range such as "0-3" or "0-3,7"',
    _ranges,
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[-0-9, ]+$"}]},
)


def _exit_code(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= 255:
        raise ValueError(f"{shown(raw)} is no exit code")
    return raw


def _exit_code_key(raw: Any) -> int:
    """Keys are text in a file, numbers perhaps in Python."""
    digits = isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 4
    return _exit_code(int(raw) if digits else raw)


EXIT_CODE = Leaf("an exit code from 0 to 255", _exit_code, {"type": "integer", "minimum": 0, "maximum": 255})
_EXIT_CODE_KEY = Leaf(EXIT_CODE.allowed, _exit_code_key, {"type": "string", "pattern": "^[0-9]{1,3}$"})


def _exit_shares(shares: dict[int, tuple[float, str]]) -> tuple[ExitShare, ...]:
    total = math.fsum(share for share, _ in shares.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"the shares add up to {total:g} (they must add up to 1)")
    return tuple(ExitShare(code=code, share=share, reason=why) for code, (share, why) in shares.items())


def _one_exit(code: int, reason: str = "") -> tuple[ExitShare, ...]:
    return (ExitShare(code=code, reason=reason),)


class _Exits:
    """A code, ``{code, reason}``, or shares by code."""

    allowed = "an exit code, or shares by code such as {0: 0.99, 1: 0.01}"
    _shares = MapOf(
        _EXIT_CODE_KEY,
        Either(
            allowed="a share, or {share, reason}",
            scalar=Leaf(SHARE.allowed, lambda raw: (SHARE.parse(raw), ""), SHARE.schema()),
            map=Record(
                lambda share, reason="": (share, reason),
                {"share": Key(SHARE, required=True), "reason": Key(text("a reason such as OOMKilled"))},
            ),
        ),
        least=1,
    )
    _single = Record(
        _one_exit, {"code": Key(EXIT_CODE, required=True), "reason": Key(text("a reason such as OOMKilled"))}
    )
    _code = Leaf(EXIT_CODE.allowed, lambda raw: _one_exit(EXIT_CODE.parse(raw)), EXIT_CODE.schema())

    def read(self, raw: Any, at: At) -> Any:
        if not isinstance(raw, dict):
            return self._code.read(raw, at)
        if "code" in raw:
            return self._single.read(raw, at)
        shares = self._shares.read(raw, at)
        if not isinstance(shares, dict):
            return shares
        try:
            return _exit_shares(shares)
        except ValueError as err:
            return at.error(str(err))

    def schema(self) -> Schema:
        return {"anyOf": [self._code.schema(), self._single.schema(), self._shares.schema()]}


def _run(raw: Any) -> Any:
    return raw if raw in ("forever", "workload") else fixed(raw)


_RUN_ALLOWED = "a law, forever, or workload"
_RUN = Either(
    allowed=_RUN_ALLOWED,
    scalar=Leaf(_RUN_ALLOWED, _run, {"anyOf": [{"enum": ["forever", "workload"]}, DURATION.schema()]}),
    map=LAW_FORMS,
)

POD_RULE = Record(
    PodRule,
    {
        "match": Key(
            Record(
                PodMatch,
                {
                    "jobset": Key(NAME),
                    "replicatedJob": Key(NAME),
                    "jobIndex": Key(_RANGE),
                    "index": Key(_RANGE, "completion index"),
                    "attempt": Key(_RANGE, "restart attempt of the JobSet"),
                    "labels": Key(MapOf(LABEL_KEY, LABEL_VALUE)),
                },
            ),
            "which pods [all]",
        ),
        "pull": Key(LAW, "once per (node, image) [0s]"),
        "start": Key(LAW, "bound to running [1s]"),
        "ready": Key(LAW, "running to ready [0s]"),
        "run": Key(_RUN, "how long containers run [60s, after what plain commands say]"),
        "exit": Key(_Exits(), "how they end [0]"),
        "stop": Key(LAW, "SIGTERM to gone, cut at the grace period [0.5s]"),
    },
)
