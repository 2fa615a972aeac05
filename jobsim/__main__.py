"""``python -m jobsim``: the same as ``jobsim``."""

from jobsim.cli import main

if __name__ == "__main__":
    main()
