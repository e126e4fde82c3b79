# `make run` and `make test` do all the set-up from a fresh clone. `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
CLIENT := mailsys/web/static/index.html
BIN := $(VENV)/bin
ARGS ?=
COVER ?=

.PHONY: help run test test-browser setup lint types arrows check docs wheel clean

help:
	@echo "make run    set up and start everything on free loopback ports (ARGS='--state DIR' and the like)"
	@echo "make test   set up and run the whole test suite (ARGS='tests/cli -x' to narrow it)"
	@echo "make test-browser  set up and run the web client's journeys in Chromium (ARGS='search' to narrow it)"
	@echo "make check  formatting, lint, types and import arrows"
	@echo "make docs   write the generated parts of the documentation again"
	@echo "make wheel  build the wheel into dist/"
	@echo "make clean  remove what was built"

setup: $(VENV)/.ready $(CLIENT)

# The web client. Without Node the system runs all the same, only without it. Not `npm ci`: it wants every
# platform's binaries in the lock file, and a registry that has only Linux's cannot give them.
$(CLIENT): webclient/package-lock.json $(shell find webclient/src webclient/public webclient/index.html webclient/vite.config.ts -type f 2>/dev/null)
	@if command -v npm >/dev/null; then \
		cd webclient && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm install --no-save --loglevel=error; } && npm run --silent build >/dev/null; \
	else \
		echo "npm is missing (Node 20 or newer): going on without the web client"; fi

# Debian keeps venv apart in python3-venv.
$(VENV)/.ready: pyproject.toml
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "Python 3.11 or newer is needed (make PYTHON=python3.12 ...)"; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv; \
		else \
			echo "Python's venv module is missing. On Debian: sudo apt-get install python3-venv"; exit 1; fi; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,lint]'
	@touch $@

run: setup
	@$(BIN)/mailsys local --log-format text $(ARGS)

test: setup
	@$(BIN)/python $(COVER) -m pytest -n auto $(ARGS)

test-browser: setup
	@cd webclient && npm run --silent test:browser -- $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

arrows: setup
	$(BIN)/lint-imports

check: lint types arrows

docs: setup
	$(BIN)/python -m tests.docs.generate

wheel: setup
	rm -rf dist
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps -w dist .

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .import_linter_cache
