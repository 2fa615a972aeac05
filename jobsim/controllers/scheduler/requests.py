"""What a pod asks of a node: resources and host ports.

Sums are exact (nano-units) and rounded up once, as upstream: cpu to thousandths, all else to units.

Source: component-helpers resource/helpers.go PodRequests; kubernetes pkg/scheduler/util/pod_resources.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jobsim.api._struct import Quantity, Struct
from jobsim.api.pod import Container, Pod, PodSpec, Resources
from jobsim.api.quantity import MILLI, NANO, format_like, parse

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL = "ephemeral-storage"
PODS = "pods"

#: For scoring alone, a container that asks for no cpu or memory counts as if it asked for this.
DEFAULT_SCORED: Mapping[str, int] = {CPU: 100 * MILLI, MEMORY: 200 * 2**20 * NANO}

#: No node has more (4.5 PB); bounds sums of hostile requests within 64 bits.
AMOUNT_MAX = 2**52

Parse = Callable[[Quantity], int]
Port = tuple[str, str, int]


class Request(Struct):
    """A pod's demand.

    ``amounts`` has the positive amounts by resource in the order in which a node is checked: cpu
    (thousandths), memory, ephemeral storage (bytes), then the others by name.  ``scored_cpu`` and
    ``scored_memory`` are what NodeResourcesFit scores a pod by that looks for a node: with the defaults
    of containers that ask for none.  ``held_cpu`` and ``held_memory`` are what it counts there once it is
    placed; the two differ when the pod asks as a whole.  ``ports`` are (host IP, protocol, host port).
    """

    amounts: tuple[tuple[str, int], ...] = ()
    cpu: int = 0
    memory: int = 0
    scored_cpu: int = 0
    scored_memory: int = 0
    held_cpu: int = 0
    held_memory: int = 0
    ports: tuple[Port, ...] = ()


def round_up(resource: str, nano: int) -> int:
    """Return nano-units as the scheduler counts a resource, at most ``AMOUNT_MAX``."""
    unit = MILLI if resource == CPU else NANO
    return min(-(-nano // unit), AMOUNT_MAX)


def request_of(pod: Pod, parse: Parse) -> Request:
    """Return what a pod asks for.

    Parameters
    ----------
    parse : callable
        ``api.quantity.parse``, or a memo of it.
    """
    spec = pod.spec
    plain = _sum(spec, parse, {})
    # The score of the newcomer ignores what the pod asks for as a whole: upstream builds that scorer
    # without its switch (noderesources/fit.go), while framework/types.go CalculateResource heeds it.
    scored = held = _sum(spec, parse, DEFAULT_SCORED, whole=False)
    if spec.resources is not None and _pod_level(spec.resources.requests, parse):
        missing = {name: least for name, least in DEFAULT_SCORED.items() if name not in plain}
        held = _sum(spec, parse, missing)
    amounts = {name: round_up(name, nano) for name, nano in plain.items() if nano > 0}
    return Request(
        amounts=tuple(sorted(amounts.items(), key=_check_order)),
        cpu=amounts.get(CPU, 0),
        memory=amounts.get(MEMORY, 0),
        scored_cpu=round_up(CPU, scored.get(CPU, 0)),
        scored_memory=round_up(MEMORY, scored.get(MEMORY, 0)),
        held_cpu=round_up(CPU, held.get(CPU, 0)),
        held_memory=round_up(MEMORY, held.get(MEMORY, 0)),
        ports=_ports(spec),
    )


def container_requests(spec: PodSpec, parse: Parse) -> dict[str, int]:
    """Return nano-units by resource that a pod's containers ask for together."""
    return _sum(spec, parse, {}, whole=False)


def formatted_request(spec: PodSpec, name: str, nano: int) -> str:
    """Return what containers ask for together as text, binary or decimal as they wrote it."""
    asks = [c.resources.requests.get(name) for c in (*spec.containers, *spec.init_containers)]
    given = [ask for ask in asks if ask is not None]
    # One container may stand for all; else the form of the first rules.
    like = next((ask for ask in given if parse(ask) == nano), given[0] if given else "0")
    return format_like(nano, like)


def template_key(spec: PodSpec) -> tuple[object, ...] | None:
    """Return what decides a plain pod's request, None when more than its containers' requests does.

    Pods of one template share it: the key of a memo.
    """
    if spec.init_containers or spec.overhead or spec.resources is not None:
        return None
    if any(port.host_port for container in spec.containers for port in container.ports):
        return None
    return tuple([tuple(container.resources.requests.items()) for container in spec.containers])


_CHECKED_FIRST: Mapping[str, int] = {CPU: 0, MEMORY: 1, EPHEMERAL: 2}


def _check_order(item: tuple[str, int]) -> tuple[int, str]:
    return _CHECKED_FIRST.get(item[0], 3), item[0]


def _sum(spec: PodSpec, parse: Parse, defaults: Mapping[str, int], *, whole: bool = True) -> dict[str, int]:
    """Return nano-units by resource: containers and sidecars together, or the neediest init step."""
    total: dict[str, int] = {}
    for container in spec.containers:
        _add(total, _of(container, parse, defaults))
    if spec.init_containers:
        sidecars: dict[str, int] = {}
        neediest: dict[str, int] = {}
        for container in spec.init_containers:
            step = _of(container, parse, defaults)
            if container.restart_policy == "Always":
                _add(total, step)
                _add(sidecars, step)
                step = sidecars
            else:
                _add(step, sidecars)
            _raise_to(neediest, step)
        _raise_to(total, neediest)
    if whole and spec.resources is not None:
        total.update(_pod_level(spec.resources.requests, parse))
    if spec.overhead:
        _add(total, {name: parse(quantity) for name, quantity in spec.overhead.items()})
    return total


def _of(container: Container, parse: Parse, defaults: Mapping[str, int]) -> dict[str, int]:
    asked = {name: parse(quantity) for name, quantity in container.resources.requests.items()}
    return {**defaults, **asked} if defaults else asked


def _pod_level(requests: Resources, parse: Parse) -> dict[str, int]:
    """Return the resources that a pod may ask for as a whole; they replace its containers' sums."""
    return {name: parse(quantity) for name, quantity in requests.items() if is_pod_level(name)}


def is_pod_level(resource: str) -> bool:
    """Whether a pod may ask for a resource as a whole."""
    return resource in (CPU, MEMORY) or resource.startswith("hugepages-")


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, nano in more.items():
        total[name] = total.get(name, 0) + nano


def _raise_to(total: dict[str, int], other: Mapping[str, int]) -> None:
    for name, nano in other.items():
        total[name] = max(total.get(name, 0), nano)


def _ports(spec: PodSpec) -> tuple[Port, ...]:
    containers: Iterable[Container] = spec.containers
    if spec.init_containers:
        sidecars = tuple(c for c in spec.init_containers if c.restart_policy == "Always")
        containers = spec.containers + sidecars
    return tuple(
        (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)
        for container in containers
        for port in container.ports
        if port.host_port > 0
    )
