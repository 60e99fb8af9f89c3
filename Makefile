# make chat | make test | make check | make bench; each does the set-up it needs into .venv.

PORT ?= 8000
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
# Copies, because nltk refuses the hard links that uv makes by default.
INSTALL := $(UV) pip install --quiet --link-mode copy

.PHONY: install chat test check bench lock browser clean

install: .venv/.runtime

.venv/bin/uv: requirements-uv.lock
	@if [ -z "$(PYTHON)" ]; then \
		echo "tenk needs Python 3.11 or later; found: $$(python3 --version 2>&1)." \
		"Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@echo "Setting up .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml .venv/bin/uv
	@echo "Installing what tenk needs (about a minute the first time) ..."
	@$(INSTALL) --require-hashes --compile-bytecode -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.development: requirements-dev.lock .venv/.runtime
	@echo "Installing what the tests need ..."
	@$(INSTALL) --require-hashes --compile-bytecode -r requirements-dev.lock
	@touch $@

browser: .venv/.development
	@bash tests/browser/install.sh

chat: install
	@$(BIN)/tenk chat --port $(PORT)

# A file's tests stay in one process, for they share what was set up.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

test: .venv/.development browser
	@$(PYTEST)

check: .venv/.development browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(PYTEST)

bench: .venv/.development
	@for file in tests/benchmarks/bench_*.py; do \
		$(BIN)/python -m tests.benchmarks.$$(basename $$file .py) || exit 1; done

# The locks name no host: hashes say what a package is, the machine's settings say where from.
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11
lock: .venv/bin/uv
	echo "uv" | $(COMPILE) - -o requirements-uv.lock
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .pytest_cache .ruff_cache tests/output
