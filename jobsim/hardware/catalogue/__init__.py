"""The hardware catalogue: shapes of machines and fabrics between them, as data with units and sources.

``shapes.json`` and ``fabrics.json`` lie beside this file; each says its units and where its numbers
are from.  Nothing here is computed.
"""

from __future__ import annotations

from jobsim.hardware.catalogue.fabric import Fabric, Tier, fabric, fabrics
from jobsim.hardware.catalogue.hardware import Hardware, hardware
from jobsim.hardware.catalogue.names import UnknownName
from jobsim.hardware.catalogue.shape import Shape, shape, shapes

__all__ = [
    "Fabric",
    "Hardware",
    "Shape",
    "Tier",
    "UnknownName",
    "fabric",
    "fabrics",
    "hardware",
    "shape",
    "shapes",
]
