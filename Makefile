# Stepfarm. `make help` lists what there is to make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the environment was made from: another content makes it anew.
MAKINGS := pyproject.toml constraints.txt tests/support/make_environment.sh
STAMP = $(VENV)/.made-from-$(shell cat $(MAKINGS) | cksum | cut -d' ' -f1)

# Each measuring child imports torch and timm. Compiled once, that takes half as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak chaos check format fuzz pictures constraints clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make the environment in .venv

$(STAMP): $(MAKINGS)
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh tests/support/make_environment.sh
	@rm -f $(VENV)/.made-from-*
	@touch $@

demo: setup  ## measure a real model on this machine and show it in the dashboard (ARGS="--once" ends by itself)
	@$(BIN)/stepfarm demo $(ARGS)

test: setup  ## run every check and every test (ARGS="unit contract" runs some layers)
	@sh tests/support/install_tools.sh
	@$(BIN)/python tests/run_layers.py $(ARGS)

soak: setup  ## play with the store of jobs for 100,000 steps, on both databases (ARGS="--steps N")
	@$(BIN)/python -m tests.support.soak $(ARGS)

chaos: setup  ## kill, pause, cut off and fill up a farm of processes, and compare (ARGS="--kills N")
	@$(BIN)/python -m tests.support.chaos $(ARGS)

check: setup  ## lint, types and the rules of who may import whom
	@$(BIN)/python tests/run_layers.py check

format: setup  ## put the code into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

fuzz: setup  ## send what the OpenAPI describes, and what it does not, as each role (ARGS="--examples 500": more)
	@$(BIN)/python -m tests.support.fuzzing $(ARGS)

pictures: setup  ## make the pictures of the README from the curves of this machine's demo
	@$(BIN)/python -m tests.support.make_pictures $(ARGS)

constraints: setup  ## choose the newest versions that fit together
	@sh tests/support/choose_versions.sh $(BIN)

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build dist
