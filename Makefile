# Everything that a developer or a newcomer runs. Needs Python 3.11 or newer and Node 20 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_READY := node_modules/.ready
CHECKOV_READY := .venv-checkov/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo pictures p2c test nightly coverage bench lint format lock clean
.DELETE_ON_ERROR:

demo: $(READY) $(NODE_READY)
	@$(BIN)/python -m local.demo $(ARGS)

# The pictures of the documentation: the demo on a few records, and what an operator is told of one of them.
pictures: $(READY) $(NODE_READY)
	@$(BIN)/python -m local.demo --small --once --picture docs/demo.svg --explain-picture docs/explain.svg

p2c: $(READY)
	@$(BIN)/python -m p2c $(ARGS)

test: $(READY) $(NODE_READY) $(CHECKOV_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

# The demo on all of its records, which takes some twenty minutes.
nightly: $(READY) $(NODE_READY)
	$(BIN)/python -m pytest -m nightly $(ARGS)

# Tracing every line makes the tests take three times as long.
coverage: $(READY) $(NODE_READY) $(CHECKOV_READY)
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term $(ARGS)

bench: $(READY) $(NODE_READY)
	@$(BIN)/python -m benchmarks $(ARGS)
	@$(BIN)/python -m benchmarks.operations

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements-checkov.in -o requirements-checkov.txt

clean:
	rm -rf $(VENV) .venv-checkov node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Call: make PYTHON=python3.12 ...")'
	@echo "Making the Python environment ..."
	@$(PYTHON) -m venv $(VENV)

# Microsoft's worker library says Python 3.13, and runs on 3.11 and 3.12 as well: the tests invoke every trigger through it.
$(READY): requirements-dev.txt requirements-worker.txt | $(VENV)/bin/python
	@echo "Installing Python packages (about a minute) ..."
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --require-hashes --no-deps --ignore-requires-python -r requirements-worker.txt
	@touch $@

$(CHECKOV_READY): requirements-checkov.txt | $(VENV)/bin/python
	@echo "Installing the linter of the infrastructure (about half a minute) ..."
	@$(BIN)/python -m venv .venv-checkov
	@.venv-checkov/bin/pip install --quiet --require-hashes -r requirements-checkov.txt
	@touch $@

$(NODE_READY): package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer is needed: it runs Azurite, the storage emulator."; exit 1; }
	@echo "Installing Azurite (about half a minute) ..."
	@npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@
