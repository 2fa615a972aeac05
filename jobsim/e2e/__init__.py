"""Whole recorded runs of a real control plane, played again on the ring and compared."""
