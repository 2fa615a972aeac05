"""Scenarios: what is asked of a run, read from files and checked."""

from jobsim.scenario.load import Scenario, load_files
from jobsim.scenario.table import json_schema

__all__ = ["Scenario", "json_schema", "load_files"]
