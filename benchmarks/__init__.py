"""What jobsim costs: ``python -m benchmarks``; ratios to a bare simpy loop in the same process."""
