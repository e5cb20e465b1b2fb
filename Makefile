# All commands for developers and newcomers; `make help` lists it. Needs Python 3.11 or newer, Node 20 or newer and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHECKOV := .venv-checkov
CHECKOV_READY := $(CHECKOV)/.ready
APP := .venv-app
APP_READY := $(APP)/.ready
SITE := .site
SITE_READY := $(SITE)/.ready
PIPS_READY := .pips/.ready
NODE_READY := node_modules/.ready
BROWSER_READY := tests/browser/node_modules/.ready
COLLECTED := .hypothesis/.ready
HOST := .venv-host
HOST_READY := $(HOST)/.ready
TESTS_READY := $(CHECKOV_READY) $(APP_READY) $(SITE_READY) $(PIPS_READY) $(BROWSER_READY)
# Microsoft's functions host, where one is named (docs/demo.md): its Python worker gets an environment of its own. A worker
# before Python 3.13 refuses that one, and the host then says nothing and hangs.
define HOST_NEEDS
The worker of the functions host needs Python 3.11 or 3.12: install one, or name the Python of its environment in FUNCTIONS_HOST_PYTHON.
endef
export HOST_NEEDS
ifdef FUNCTIONS_HOST
ifeq ($(FUNCTIONS_HOST_PYTHON),)
export FUNCTIONS_HOST_PYTHON := $(CURDIR)/$(HOST)/bin/python
endif
# The make that this one calls finds that name in its environment.
ifeq ($(FUNCTIONS_HOST_PYTHON),$(CURDIR)/$(HOST)/bin/python)
TESTS_READY += $(HOST_READY)
DEMO_READY := $(HOST_READY)
endif
endif
# pip, uv and npm say what they could not get, but not where a proxy is named.
or_proxy = || { echo "Installing failed. If it was the download, behind a proxy or with a package index of your own: CONTRIBUTING.md, \"Set up\"." >&2; exit 1; }
# Each thread of a test would take its memory from another pool of the C library, and leave holes in all of them.
PYTEST := MALLOC_ARENA_MAX=1 $(BIN)/python -m pytest
PARALLEL := -n auto --dist worksteal
# The rules: no processes, no storage emulator, no infrastructure.
QUICK := tests/unit $(wildcard tests/scenarios/test_*_rules.py)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PYTHON_DOWNLOADS := never
# A newer npm is no concern of whoever tries the demo.
export npm_config_update_notifier := false
unexport VIRTUAL_ENV
# The tests and the demo start many processes; without compiled files each compiles all its modules again, in a second.
unexport PYTHONDONTWRITEBYTECODE

# The types are judged beside what is installed and tested: both often wait. What is said of them stands below the tests.
beside_types = rm -f $(VENV)/types.txt; $(side_by_side) --keep-going typed $(1); made=$$?; \
	[ ! -f $(VENV)/types.txt ] || cat $(VENV)/types.txt; exit $$made
# A test that calls make does not take part in this one.
TESTS := MAKEFLAGS= MFLAGS= MAKELEVEL= $(PYTEST) $(PARALLEL)

# Most of what the tests need waits for downloads. What stands first begins first: it is waited for longest.
ALL_READY = $(READY) $(NODE_READY) $(COLLECTED) $(TESTS_READY)
# Whoever has said how many (`make -j2 test`) is obeyed: another number here would be answered with a warning.
side_by_side = $(MAKE) --no-print-directory $(if $(findstring --jobserver,$(MAKEFLAGS)),,--jobs=8)

.PHONY: help demo pictures check test rules_tested all_tested typed unit simulate mutate nightly coverage bench lint read ready format docs infra lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/make \1@\2/p' Makefile | column -t -s @

demo: $(READY) $(NODE_READY) $(DEMO_READY) ## both systems simulated, shown step by step; ARGS="--help" lists its options
	@$(BIN)/python -m local.demo $(ARGS)

pictures: $(READY) $(NODE_READY) $(BROWSER_READY) ## redraw the pictures of the documentation
	@$(BIN)/python -m local.demo --small --once --picture docs/demo.svg --explain-picture docs/explain.svg
	@DRAW_CONSOLE=$(CURDIR)/docs $(PYTEST) -k without_a_terminal tests/e2e/test_console_in_browser.py

check: ## format, lint, types, imports, unit and rule tests: before each commit
	+@$(call beside_types,rules_tested)

test: ## everything that a change must pass
	+@$(call beside_types,all_tested)

rules_tested: $(READY) $(NODE_READY) $(COLLECTED) read
	@$(TESTS) -m "not nightly and not process" $(QUICK) $(ARGS)

all_tested: $(ALL_READY) read
	@$(TESTS) $(ARGS)

typed: $(READY)
	@$(BIN)/mypy >$(VENV)/types.txt 2>&1

unit: $(READY) ## run one test without other checks: make unit ARGS=tests/unit/test_settings.py
	@$(PYTEST) $(ARGS)

simulate: $(READY) ## random histories of the whole product: make simulate ARGS="--seeds 10000"
	@$(BIN)/python -m tests.simulation $(ARGS)

mutate: $(READY) $(NODE_READY) ## check that tests notice changes of the code: make mutate ARGS="--sample 30 --seed 1 --part sync"
	@$(BIN)/python -m tests.mutation $(ARGS)

nightly: $(READY) $(NODE_READY) $(DEMO_READY) $(PIPS_READY) ## all sample records, the long searches, and each property with 400 examples
	$(PYTEST) -m "nightly or hypothesis" --hypothesis-profile=nightly $(ARGS)

# Tracing every line makes the tests take three times as long.
coverage: ready ## branch coverage, which must not fall below its minimum
	$(PYTEST) $(PARALLEL) --cov --cov-report=term $(ARGS)

bench: $(READY) $(NODE_READY) ## the benchmarks of docs/performance.md
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(READY) read ## formatter, linter, types, imports, spelling, workflows
	$(BIN)/mypy

# What is judged in seconds.
read: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/zizmor --offline --quiet .github

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## rewrite the generated tables of docs/ from the code
	@$(BIN)/python -m tests.documents

infra: $(READY) ## format, lint and build the templates, and write the snapshots of what they deploy; needs the Bicep compiler
	@$(BIN)/python -m tests.infra

lock: $(READY) ## update the lock after a change in pyproject.toml; ARGS=--upgrade takes newer versions
	$(BIN)/uv lock $(ARGS)
	$(BIN)/python -m local.requirements

ready:
	+@$(side_by_side) $(ALL_READY)

$(BROWSER_READY): tests/browser/package.json tests/browser/package-lock.json
	@echo "Installing the browser of the tests (some seconds) ..."
	@npm ci --prefix tests/browser --prefer-offline --no-audit --no-fund --loglevel=error $(or_proxy)
	@touch $@

clean: ## remove what make has installed
	rm -rf $(VENV) $(CHECKOV) $(APP) $(HOST) $(SITE) .python_packages .pips node_modules tests/browser/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutation .coverage

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Call: make PYTHON=python3.12 ...")'
	@echo "Making the Python environment ..."
	@$(PYTHON) -m venv $(VENV)

$(BIN)/uv: requirements/uv.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt $(or_proxy)
	@touch $@

# Not `uv sync`: that uses the addresses in the lock, and so ignores the index of a company.
#
# Microsoft's worker library declares Python 3.13, but also runs on 3.11 and 3.12: the tests invoke every trigger through it.
$(READY): uv.lock pyproject.toml requirements/worker.txt $(BIN)/uv
	@echo "Installing Python packages (some seconds) ..."
	@$(BIN)/uv export --quiet --frozen --no-emit-project --extra console --output-file $(VENV)/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/requirements.txt $(or_proxy)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --python-version 3.13 --no-deps --require-hashes -r requirements/worker.txt $(or_proxy)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(CHECKOV_READY): uv.lock $(BIN)/uv
	@echo "Installing the linter of the infrastructure (some seconds) ..."
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(CHECKOV)
	@$(BIN)/uv export --quiet --frozen --no-emit-project --only-group infrastructure --output-file $(CHECKOV)/requirements.txt
	@$(BIN)/uv pip sync --quiet --python $(CHECKOV)/bin/python --require-hashes $(CHECKOV)/requirements.txt $(or_proxy)
	@touch $@

# What the deployment installs, and nothing else: a test runs the package with it.
$(APP_READY): requirements.txt $(BIN)/uv
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(APP)
	@$(BIN)/uv pip sync --quiet --python $(APP)/bin/python --require-hashes requirements.txt $(or_proxy)
	@touch $@

$(HOST_READY): requirements.txt requirements/host.txt $(BIN)/uv
	@echo "Installing the packages of the functions host's worker (some seconds) ..."
	@$(BIN)/uv venv --quiet --clear --python ">=3.11,<3.13" $(HOST) || { echo "$$HOST_NEEDS"; exit 1; }
	@$(BIN)/uv pip sync --quiet --python $(HOST)/bin/python --require-hashes requirements.txt requirements/host.txt $(or_proxy)
	@touch $@

# The packages as the deployment takes them along, for the Python of the function app.
$(SITE_READY): requirements/site.txt infra/hooks/vendor_packages.py | $(BIN)/python
	@$(BIN)/python infra/hooks/vendor_packages.py --target $(SITE)/site-packages $(or_proxy)
	@touch $@

# The tests install requirements.txt with several versions of pip.
$(PIPS_READY): $(wildcard requirements/pip-*.txt) $(BIN)/uv
	@for pip in $(patsubst requirements/%.txt,%,$(wildcard requirements/pip-*.txt)); do \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --target .pips/$$pip --no-deps --require-hashes -r requirements/$$pip.txt $(or_proxy); \
	done
	@touch $@

# What each test process of a fresh clone would do again: pytest compiles the tests, and Hypothesis reads the characters of
# Unicode, with 200 MB. They are imported and not collected, which takes seconds more: so pytest says that it found none (5).
$(COLLECTED): | $(READY)
	@echo "Compiling the tests (some seconds) ..."
	@$(PYTEST) -p tests.support.compiling --collect-only --quiet >$(VENV)/collected.txt || [ $$? = 5 ] || { tail -n 40 $(VENV)/collected.txt; exit 1; }
	@$(BIN)/python -c 'from hypothesis import strategies; strategies.text().validate()'
	@touch $@

$(NODE_READY): package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer is needed: it runs Azurite, the storage emulator."; exit 1; }
	@echo "Installing Azurite (about half a minute) ..."
	@npm ci --omit=dev --prefer-offline --no-audit --no-fund --loglevel=error $(or_proxy)
	@touch $@
