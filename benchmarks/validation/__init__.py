"""The models against published tables: ``python -m benchmarks.validation``."""
