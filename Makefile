# make run, make test: each does its own set-up on a machine with Python 3.11 or later. `make help` lists the rest.
# ARGS passes words on: make test ARGS="tests/unit -k guard"

BIN   := .venv/bin
PATHS := $(wildcard src tests examples benchmarks)
EXAMPLE ?= examples.social
ARGS  ?=
export PYTHON
# Hundreds of processes are started: what was compiled for one is kept for the others.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help run test check format bench soak lock clean setup setup-run compat

help:            ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1	/' | expand -t 18

setup-run:
	@scripts/setup run

setup:           ## .venv with everything that tests and checks need
	@scripts/setup dev

run: setup-run   ## seed and serve the example
	$(BIN)/python -m $(EXAMPLE) $(ARGS)

test: setup compat ## all tests; names what this machine could not run
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: setup     ## style, types, import rules: what CI runs before the tests
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/mypy $(PATHS)
	$(BIN)/lint-imports --no-cache
	@scripts/public-types

format: setup    ## put the style right
	$(BIN)/ruff check --fix $(PATHS)
	$(BIN)/ruff format $(PATHS)

bench: setup     ## measure, and print the table of bars
	$(BIN)/python -m benchmarks $(ARGS)

soak: setup compat ## the tests at full length: every crash point, every random case
	$(BIN)/python -m pytest --soak $(ARGS)

lock: setup      ## write requirements/*.txt anew (ARGS=--upgrade for newer versions)
	@scripts/lock $(ARGS)

clean:           ## remove what these commands made
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist tests/compat/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The real client libraries, from the npm registry, for tests/compat; without Node those tests are named as not run.
compat:
	@scripts/compat
