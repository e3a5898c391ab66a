# `make demo` and `make test` do everything on a fresh machine; `make` alone lists the rest.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# A file's tests stay together, for they share servers; the longest files come first as it is.
# Most tests wait for a server, a browser or a kernel: three at a time keep two processors busy.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test lint format format-check types pytest lock audit bench pythons clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  ARGS="…" is passed on:   make demo ARGS="--scenario healthy"   make pytest ARGS="-k eta"'
	@echo '  PYTHON=… makes a new .venv with that Python 3.11 or later instead of the first found'

install: $(INSTALLED)  ## make .venv with the locked versions, once

demo: $(INSTALLED)  ## start servers, a stand-in Antenna, workers and the dashboard; Ctrl-C ends all
	@$(BIN)/ami-console demo $(ARGS)

test: lint format-check types pytest  ## lint, format check, types, all tests

lint: $(INSTALLED)  ## ruff
	$(BIN)/ruff check .

format: $(INSTALLED)  ## format the code, and mend what ruff can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

format-check: $(INSTALLED)  ## is the code formatted?
	$(BIN)/ruff format --check .

types: $(INSTALLED)  ## mypy, strict
	$(BIN)/mypy

pytest: $(INSTALLED)  ## the tests alone; ARGS="-n0 -k eta" for some, one after another
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

lock: $(INSTALLED)  ## resolve pyproject.toml into requirements.lock; ARGS=--upgrade for the newest
	$(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --all-extras \
		--only-binary :all: --generate-hashes --no-emit-index-url --no-emit-find-links \
		--annotation-style line --custom-compile-command 'make lock' --quiet $(ARGS) \
		--output-file requirements.lock pyproject.toml

audit: $(INSTALLED)  ## known vulnerabilities of the locked versions; needs the network
	@sh .ci/audit $(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit $(ARGS)

bench: $(INSTALLED)  ## measure size and speed, each beside its floor; ARGS=--quick in some minutes
	$(BIN)/python -m benchmarks $(ARGS)

# A Python that is not there is named and left out.
pythons:  ## all tests with each Python 3.11 to 3.13 that is found
	@for version in 3.11 3.12 3.13; do \
		if python=$$(sh .ci/find-python python$$version 2>/dev/null); then \
			$(MAKE) pytest VENV=.venv-$$version PYTHON=$$python || exit; \
		else echo "python$$version is not here"; fi; done

clean:  ## remove .venv and everything else that was made here, but no recording
	rm -rf .venv .venv-3.* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Runs again when the lock or the project's metadata changed, or an installation was cut off.
# Only wheels, each with its hash: a source archive would be built with tools nobody locked.
# hatchling is in the lock for the same reason, and so needs no isolation.
$(INSTALLED): requirements.lock pyproject.toml
	@sh .ci/find-python $(BIN)/python >/dev/null 2>&1 && [ -z "$(PYTHON)" ] \
		|| { python=$$(sh .ci/find-python $(PYTHON)) && echo "Making $(VENV) with $$python" \
		&& "$$python" -m venv --clear $(VENV); }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@echo 'Installing the locked versions into $(VENV): 1 to 3 minutes, only now'
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
