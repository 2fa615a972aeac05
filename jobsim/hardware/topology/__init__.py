"""Topology: which machines share which switches, and how much goes through them.

accelerator → scale-up domain (NVLink island, NVL72, ICI slice) → host → rail → leaf (rack) → spine
(block) → core.  ``build`` makes the flat arrays that everything asks; ``labels`` reads the hosts from
Node labels, ``file`` from a file of a real cluster; ``graph`` is the same as a networkx graph, for
checking, paths and drawing; ``placement`` says what the network makes of hosts in an order.
"""

from jobsim.hardware.topology.build import Host, Level, Machine, Topology, build

__all__ = ["Host", "Level", "Machine", "Topology", "build"]
