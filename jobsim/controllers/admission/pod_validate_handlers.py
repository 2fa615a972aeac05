"""Validation of probes and of the hooks of a container's life: exactly one handler, its own fields.

Differs: headers of requests and the seconds of a ``sleep`` are not looked at.

Source: kubernetes pkg/apis/core/validation/validation.go 1.36, validateProbe, validateLifecycle,
validateHandler.
"""

from __future__ import annotations

import re
from typing import Any

from jobsim.api import names
from jobsim.api._struct import Json
from jobsim.api.field import FieldError, forbidden, invalid, not_supported, required
from jobsim.api.pod import Probe
from jobsim.controllers.admission.pod_validate_sources import NONNEGATIVE

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PORT_NAME = re.compile(r"[-a-z0-9]+", re.ASCII)
PORT_RANGE = "must be between 1 and 65535, inclusive"


def probe_errors(probe: Probe | None, path: str, *, once: bool) -> list[FieldError]:
    """Return what is wrong with a probe; ``once``: its successThreshold has to be 1."""
    if probe is None:
        return []
    given = (probe.exec, probe.http_get, probe.tcp_socket, probe.grpc)
    errors = _handler_errors(dict(zip(_HANDLERS, given, strict=False)), path)
    for field, number in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        if number < 0:
            errors.append(invalid(f"{path}.{field}", number, NONNEGATIVE))
    grace = probe.termination_grace_period_seconds
    if grace is not None and grace <= 0:
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if once and probe.success_threshold != 1:
        errors.append(invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1"))
    return errors


def lifecycle_errors(lifecycle: Json | None, path: str) -> list[FieldError]:
    """Return what is wrong with what runs after a container's start and before its stop."""
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        handler = (lifecycle or {}).get(hook)
        if handler is not None:
            errors += _handler_errors(handler, f"{path}.{hook}")
    return errors


def _handler_errors(handler: Json, path: str) -> list[FieldError]:
    """Return what is wrong with the first handler that is given, and those that are too many."""
    given = [name for name in _HANDLERS if handler.get(name) is not None]
    if not given:
        return [required(path, "must specify a handler type")]
    errors = _action_errors(given[0], handler[given[0]], f"{path}.{given[0]}")
    why = "may not specify more than 1 handler type"
    return errors + [forbidden(f"{path}.{name}", why) for name in given[1:]]


def _action_errors(name: str, action: Json, path: str) -> list[FieldError]:
    if name == "exec":
        return [] if action.get("command") else [required(f"{path}.command")]
    if name == "sleep":
        return []
    errors = _port_errors(action.get("port", 0), f"{path}.port")
    scheme = action.get("scheme", "HTTP")
    if name == "httpGet" and scheme not in ("HTTP", "HTTPS"):
        errors.append(not_supported(f"{path}.scheme", scheme, ("HTTP", "HTTPS")))
    return errors


def _port_errors(port: Any, path: str) -> list[FieldError]:
    if isinstance(port, str):
        return [invalid(path, port, problem) for problem in port_name_problems(port)]
    fits = isinstance(port, int) and 1 <= port <= 65535
    return [] if fits else [invalid(path, port, PORT_RANGE)]


def port_name_problems(name: str) -> list[str]:
    """Return what is wrong with the name of a port."""
    problems = []
    if names.byte_length(name) > 15:
        problems.append("must be no more than 15 characters")
    if _PORT_NAME.fullmatch(name) is None:
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if re.search("[a-z]", name) is None:
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems
