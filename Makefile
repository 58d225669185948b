# One command per need; `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Not compiled to bytecode: half of what is installed is never imported.
INSTALL := $(PIP) install --no-deps --no-compile --require-hashes
BUILD_LOCK := envs/requirements-build.lock
LOCK := envs/requirements.lock
TEST_LOCK := envs/requirements-test.lock
CPU_LOCK := envs/requirements-cpu.lock
CUDA_LOCK := envs/requirements-cuda.lock
FAST_TESTS := $(addprefix tests/,common config embeddings evaluation planning ranking running selection statistics) $(wildcard tests/test_*.py)
SLURM_TESTS ?= # more for pytest, such as -m quick
QUICKSTART := --config studies=quickstart
# Each job is a process: where byte code is not written, each compiles torch and pandas anew, 3.5 s.
unexport PYTHONDONTWRITEBYTECODE
# Sites set these for everybody, but packages go into .venv and nowhere else.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT

.PHONY: help setup quickstart test test-fast test-slurm bench-ssl recover lint docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## the locked environment in .venv (again only when a lock or pyproject.toml changed)

quickstart: setup ## run the study `quickstart`: from images to figures and a report
	$(BIN)/snakemake --cores all $(QUICKSTART)
	$(BIN)/snakemake --report results/report.html $(QUICKSTART)
	@echo
	@echo "Figures: results/figures/quickstart/"
	@echo "Report:  results/report.html"
	@echo "Images:  results/tables/quickstart/explore.html"

test: .venv/.tested ## the tests; those on real image sets need COLDSTART_DATA
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-fast: .venv/.tested ## under two minutes on two cores: no Snakemake, no training
	$(BIN)/pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(FAST_TESTS)

test-slurm: .venv/.tested ## the tests on a private SLURM, started here; needs root, and installs SLURM on Debian
	$(BIN)/python tests/slurm/cluster.py install
	COLDSTART_SLURM_TESTS=1 $(BIN)/pytest tests/slurm -n 6 --dist worksteal $(SLURM_TESTS)

bench-ssl: .venv/.tested ## images/s of pretraining against lightly, for four methods
	$(BIN)/python tests/benchmarks/bench_ssl.py

recover: setup ## after Snakemake was killed on a cluster: end this clone's jobs and remove its lock
	$(BIN)/python -m coldstart.running.slurm

lint: .venv/.tested ## ruff, mypy, snakefmt and Snakemake's own linter; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/lint_docstrings.py workflow envs tests docs
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: .venv/.tested ## the pages as a site in site/; a dead link or a missing page is an error
	$(BIN)/python docs/tables.py
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --builder dirhtml --conf-dir docs . site
	@echo "The pages: site/docs/index.html"

lock: ## resolve the dependencies anew and write envs/*.lock and envs/coldstart.yaml
	$(PYTHON) envs/lock.py

clean: ## remove the environment and all caches; results/ stays
	rm -rf .venv .snakemake .mypy_cache .pytest_cache .ruff_cache .hypothesis workflow/*.egg-info
	find workflow tests envs -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: .venv/.locked pyproject.toml
	@$(PIP) install -qq --no-deps --no-compile --no-build-isolation --editable .
	@touch $@

.venv/.tested: .venv/.installed $(TEST_LOCK)
	@echo "Adding what the tests need ..."
	@$(INSTALL) -qq -r $(TEST_LOCK)
	@$(PIP) check
	@touch $@

.venv/.locked: $(BUILD_LOCK) $(LOCK) $(CPU_LOCK) $(CUDA_LOCK)
	@$(PYTHON) -I workflow/coldstart/common/place.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
	    echo "Coldstart needs Python 3.11 to 3.14, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	        "Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu:" \
	        "apt install python3-venv" >&2; exit 1; }
	@echo "Making .venv: about 80 packages, a minute or two ..."
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) -qq -r $(BUILD_LOCK)
	@$(INSTALL) -qq --no-build-isolation -r $(LOCK)
	@$(INSTALL) -qq -r $(CPU_LOCK) 2>/dev/null || { \
	    echo "pip finds no CPU build of torch that the lock knows: taking the registry's build," \
	        "on Linux with CUDA (several GB). README.md says how to get the small one; Ctrl-C" \
	        "stops this ..."; \
	    $(INSTALL) -r $(CUDA_LOCK); }
	@$(PIP) check
	@touch $@
