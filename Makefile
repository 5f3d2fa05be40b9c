# `make demo` and `make test` work on a bare clone: what they need is installed into $(VENV) first.
PYTHON ?=
VENV ?= .venv
LOCK ?= requirements.lock
WORKERS ?= 2
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OPENVINO := .venv-openvino
OPENVINO_STAMP := $(OPENVINO)/.installed
NOTEBOOKS = $(wildcard notebooks/*.ipynb)
EXECUTED = $(NOTEBOOKS:%=.executed/%)
# Notebooks first, in the order given: they take longest, and at the end one process would wait.
PYTEST = $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder --nbmake $(NOTEBOOKS) tests kavc

export TF_CPP_MIN_LOG_LEVEL ?= 3
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all test-latest lint format docs docs-notebooks docs-serve bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(STAMP) ## Train a real system, export it, serve it, ask it, show pictures
	$(BIN)/kavc demo $(ARGS)

test: $(STAMP) ## Run the tests, doctests and notebooks, but for the slow ones (some 36 minutes)
	$(PYTEST) -m "not slow" --nbmake-timeout 1800 $(ARGS)

test-all: $(STAMP) $(OPENVINO_STAMP) ## Run everything, the slow tests too
	$(PYTEST) --nbmake-timeout 3600 $(ARGS)

test-latest: ## Run `make test` on the newest TensorFlow, in .venv-latest
	$(MAKE) test VENV=.venv-latest LOCK=requirements-latest.lock

lint: $(STAMP) ## Check style, types, the direction of imports, and that notebooks hold no outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg
	$(BIN)/python -m pytest -q tests/test_packaging.py

format: $(STAMP) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## Build the documentation into site/, which needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build $(ARGS)

docs-notebooks: $(EXECUTED) ## Execute the notebooks for it (some ten minutes), and build it
	$(MAKE) docs

docs-serve: $(STAMP) ## Show the documentation at localhost:8000, built anew when a page changes
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve $(ARGS)

.executed/%.ipynb: %.ipynb | $(STAMP)
	$(BIN)/jupyter nbconvert --to notebook --execute --output-dir $(@D) $<

bench: $(STAMP) ## Run the benchmarks that need no data of yours, one after another
	@set -e; for name in training_step tfrecord_reading; do \
	    echo "== $$name"; $(BIN)/python benchmarks/$$name.py; \
	done

clean: ## Remove caches and build outputs; environments and runs stay
	rm -rf build dist site .executed *.egg-info .demo .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find kavc tests notebooks benchmarks tuning export \
	    \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# A candidate is run, since a version manager's stub exists for versions that are not installed.
# The stamp comes last: an install that was cut short is taken up again.
$(STAMP): $(LOCK) setup.cfg pyproject.toml
	@rm -f $@; found=; python=; \
	for candidate in $(or $(PYTHON),python3.11 python3.12 python3); do \
	    version=$$("$$candidate" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' \
	        2>/dev/null) || continue; \
	    found="$$found $$candidate ($$version)"; \
	    case $$version in 3.11 | 3.12) python=$$candidate; break ;; esac; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "kavc needs Python 3.11 or 3.12 with its venv module; found:$${found:- none}." \
	        "Install one, or point at it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "Installing $(LOCK) into $(VENV) with $$python: about 3.4 GB, some minutes" >&2; \
	"$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A reader of exports that has no TensorFlow.
$(OPENVINO_STAMP): requirements-openvino.lock | $(STAMP)
	@rm -f $@
	@echo "Installing $< into $(OPENVINO): about 280 MB" >&2
	@$(BIN)/python -m venv $(OPENVINO)
	@$(OPENVINO)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
