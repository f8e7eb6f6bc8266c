# The two commands of the README. PYTHON may name another interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long freeze clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp per set of extras: reinstall only when what is installed would change.
$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(VENV)/installed $@

install: $(VENV)/installed ## make .venv and install the program into it

demo: $(VENV)/installed ## phantom data, a real search on it, the leaderboard
	$(BIN)/neurosweep search

test: $(VENV)/installed-test ## every check: lint, format, types, tests
	PATH="$(CURDIR)/$(BIN):$$PATH" ./check

test-long: $(VENV)/installed-test ## tests that take many minutes: kills, reruns, several hosts
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m 'long or hosts'

freeze: $(VENV)/installed-test ## write constraints.txt from what .venv has
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' | LC_ALL=C sort -f > constraints.txt

clean: ## remove .venv and caches of tools (runs/ and data/ stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
