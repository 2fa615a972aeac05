# Two commands set everything up: `make demo` and `make test`.  Both make a virtual environment in
# .venv on first use (Python 3.11 or newer with venv; another one: make PYTHON=python3.13 test).
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check install -c constraints.txt

MODULES := jobsim simpy msgspec yaml click numpy networkx re2 matplotlib
MODULES_TEST := $(MODULES) pytest pytest_cov pytest_timeout xdist hypothesis jupytext nbclient
MODULES_DEV := $(MODULES_TEST) ruff mypy uv mutmut

# An environment that was moved, or whose interpreter or packages are gone, is made anew.
FOUND = import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))
NEEDED := pip $(if $(wildcard .venv/core),$(MODULES)) $(if $(wildcard .venv/test),$(MODULES_TEST))
BROKEN := $(shell test ! -e .venv/made || \
  { test "$$(cat .venv/made)" = "$(CURDIR)" && $(PY) -c '$(FOUND)' $(NEEDED); } 2>/dev/null || echo yes)
ifeq ($(BROKEN),yes)
  $(info .venv is broken or was moved here: making it anew)
  $(shell rm -rf .venv)
endif

# $(call install,EXTRA,MODULES): a package that an interrupted install left in pieces shows in the
# import; then the environment is not worth keeping.  Errors of our own code say nothing about it.
define install
	@echo "installing jobsim[$(1)] into .venv"
	@ready() { $(PIP) -e '.[$(1)]' && $(PY) -c 'from importlib import import_module as i, sys; [i(m) for m in sys.argv[1:]]' $(filter-out jobsim,$(2)); }; \
	  ready 2>/dev/null || { rm -rf .venv && $(MAKE) --no-print-directory .venv/made && ready; }
	@touch $@
endef

.PHONY: demo test fuzz lint mutants notebooks bench constraints clean
.DELETE_ON_ERROR:

demo: .venv/core  ## one pod fails, a JobSet restarts: tables on the terminal, files in out/demo
	$(BIN)/jobsim run scenarios/one-pod-fails.yaml --out out/demo

test: .venv/test  ## the whole suite, with the branch coverage of the parts that decide
	$(PY) -m pytest tests jobsim --doctest-modules -n 2 --dist worksteal --cov-branch \
	  --cov=jobsim/api --cov=jobsim/apiserver --cov=jobsim/controllers --cov-report=term:skip-covered --cov-fail-under=95

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

mutants: .venv/dev  ## mutation check of the JobSet controller and of admission, about an hour; tests/mutation.py
	nice -n 19 $(PY) -m tests.mutation

fuzz: .venv/test  ## search long for broken laws; another search: make fuzz SEED=2 EXAMPLES=500
	$(BIN)/jobsim fuzz --examples $(or $(EXAMPLES),5000) --seed $(or $(SEED),1)
	HYPOTHESIS_PROFILE=nightly $(PY) -m pytest tests/testing tests/runtime/test_properties.py tests/test_fuzz.py -n 2

notebooks: .venv/test  ## run notebooks/*.py and write the .ipynb beside each
	$(PY) -m notebooks

bench: .venv/core
	$(PY) -m benchmarks

constraints: .venv/dev  ## the newest versions of everything, for every supported Python, without a host
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-header --no-annotate --python-version 3.11 \
	  --all-extras pyproject.toml -o constraints.txt

clean:
	rm -rf .venv out mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "jobsim needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@printf '%s\n' "$(CURDIR)" > $@

.venv/core: .venv/made pyproject.toml constraints.txt
	$(call install,plot,$(MODULES))

.venv/test: .venv/made pyproject.toml constraints.txt
	$(call install,test,$(MODULES_TEST))

.venv/dev: .venv/made pyproject.toml constraints.txt
	$(call install,dev,$(MODULES_DEV))
