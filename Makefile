# Everything a developer does, as one word each. `make help` lists them.
#
# The virtual environment is made in .venv and again only when pyproject.toml, constraints.txt or the build hook change,
# or when another Python is named: `make test PYTHON=python3.13`. VENV names another place, to keep both.
# Paths are relative throughout, so a checkout under a path with spaces works.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
RECIPE := pyproject.toml constraints.txt hatch_build.py
JOBS ?= 2

ifeq ($(origin PYTHON),command line)
ifneq ($(wildcard $(BIN)/python),)
ifneq ($(shell $(BIN)/python -V),$(shell $(PYTHON) -V))
$(shell rm -rf $(VENV))
endif
endif
endif

# Each test has a time limit of its own; this one ends what hangs where no test runs, as while tests are collected.
LIMIT ?= 30m
# A worker that dies takes the test it was at with it, and no more: `loadgroup` hands that test out again or waits for ever.
PYTEST = -m pytest -n $(JOBS) --dist worksteal -m 'not nightly'
WITHIN = timeout --verbose --foreground --kill-after=30s $(LIMIT)

.PHONY: help demo test coverage unit lint format schemas bench reliability docs web-test dist reproducible clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(RECIPE) | $(BIN)/python
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): $(RECIPE) | $(RUN_STAMP)
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@ $(RUN_STAMP)

demo: $(RUN_STAMP)  ## the main job, end to end, in a scratch repository
	@$(BIN)/bluelabel demo

test: $(DEV_STAMP)  ## every test but the nightly ones
	$(WITHIN) $(BIN)/python $(PYTEST) $(ARGS)

coverage: LIMIT = 60m
coverage: $(DEV_STAMP)  ## the same with branch coverage and its gate; takes twice as long
	@rm -f .coverage .coverage.*
	@status=0; \
	$(WITHIN) $(BIN)/coverage run $(PYTEST) $(ARGS) || status=$$?; \
	$(BIN)/coverage combine --quiet; \
	$(BIN)/coverage report --skip-covered || status=$$?; \
	exit $$status

unit: $(DEV_STAMP)  ## the unit tests alone, without coverage
	$(WITHIN) $(BIN)/python $(PYTEST) tests/unit $(ARGS)

lint: $(DEV_STAMP)  ## style, types (mypy and pyright, both strict) and who may import whom
	@status=0; \
	check() { echo "$$@"; "$$@" || status=1; }; \
	check $(BIN)/ruff check .; \
	check $(BIN)/ruff format --check .; \
	check $(BIN)/mypy -p bluelabel; \
	check $(BIN)/mypy hatch_build.py docs/generate.py docs/tour.py tests; \
	check $(BIN)/pyright --pythonpath $(BIN)/python; \
	check $(BIN)/lint-imports --no-cache; \
	exit $$status

format: $(DEV_STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(DEV_STAMP)  ## write interfaces/schemas and the generated parts of the docs anew
	$(BIN)/python -m bluelabel.interfaces.schema_catalogue interfaces/schemas
	$(BIN)/python -m bluelabel.services.workflow.definition.schema > interfaces/schemas/workflow.json
	$(BIN)/python docs/generate.py

bench: $(DEV_STAMP)  ## the budgets, as ratios within one run
	$(BIN)/python tests/bench/run.py $(ARGS)

reliability: $(DEV_STAMP)  ## kill, fault and power-loss sweeps, fuzzing, and the nightly tests
	-$(PIP) install --constraint constraints.txt --group fuzz  # without it the fuzzing is left out, with a word
	HYPOTHESIS_PROFILE=search $(BIN)/python tests/reliability/run.py $(ARGS)

docs: $(DEV_STAMP)  ## the documentation as a site in site/; a warning is an error
	$(PIP) install --constraint constraints.txt --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

web-test:  ## the checks of apps/web: types, tests, build
	cd apps/web && npm ci --no-audit --no-fund && npm run check

dist: $(DEV_STAMP)  ## wheel and sdist in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

reproducible: $(DEV_STAMP)  ## two builds of wheel and sdist, under different modes, compared byte by byte
	rm -rf build
	(umask 022 && $(BIN)/python -m build --no-isolation --outdir build/one . >/dev/null)
	(umask 077 && $(BIN)/python -m build --no-isolation --outdir build/two . >/dev/null)
	cd build && for file in one/*; do cmp "$$file" "two/$${file#one/}" && echo "identical: $${file#one/}"; done

clean:  ## remove what was built; the virtual environment too
	rm -rf $(VENV) build dist site htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find agents apps interfaces runner services tests -name __pycache__ -type d -prune -exec rm -rf {} +
