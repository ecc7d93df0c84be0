# Everything a newcomer or a developer runs. `make help` lists it. Needs Python 3.11 or later (with venv) and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
WORKERS ?= 2
SERVE ?= 1

# The first of these that is new enough; say PYTHON=... to choose another.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

UV := .tools/bin/uv
TOOLS := .tools/uv-$(UV_VERSION).made
READY := .venv/.ready
BIN := .venv/bin

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1

.PHONY: help setup servers demo test coverage test-slow test-all lint format bench docs messages lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv: every part pinned and checked by its hash, dunwell itself editable
	@:

demo: setup  ## a made portfolio, one day's run and its report (SERVE=0: serve nothing)
	@$(BIN)/dunwell demo $(if $(filter 0,$(SERVE)),--no-serve)

# The tests talk to a real PostgreSQL, set letters with a Chinese font and click through the desk in a real browser. Where these
# cannot be installed they say so and are skipped.
servers:
	@if ! ls /usr/lib/postgresql/*/bin/initdb /usr/share/fonts/truetype/wqy/*.ttc /usr/bin/chromium >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing postgresql, chromium and fonts-wqy-microhei for the tests"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				postgresql chromium fonts-wqy-microhei; } >/dev/null 2>&1 || echo "they could not be installed; what needs them is skipped"; \
		else \
			echo "no PostgreSQL server, browser or Chinese font here (Debian: apt-get install postgresql chromium fonts-wqy-microhei);" \
				"what needs them is skipped"; \
		fi; \
	fi

test: lint servers  ## what must hold before every commit: lint, types, the house's rules, the tests
	@$(BIN)/pytest -n $(WORKERS) -m "not slow"

coverage: setup servers  ## the same tests with their coverage shown, commands in processes of their own included: half as long again
	@$(BIN)/pytest -n $(WORKERS) -m "not slow" --cov --cov-report=term

test-slow: setup servers  ## the suites that take minutes or gigabytes, and the random searches at length
	@$(BIN)/pytest -m "slow or hypothesis" --hypothesis-profile=deep

test-all: lint servers  ## the whole of it in one go
	@$(BIN)/pytest -n $(WORKERS) --hypothesis-profile=deep --cov --cov-report=term

lint: setup  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup  ## put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup  ## what a million accounts, a million attempts and thousands of messages take here, beside what they must take
	@$(BIN)/python -m benchmarks.ledger
	@$(BIN)/python -m benchmarks.gate
	@$(BIN)/python -m benchmarks.outreach

docs: setup  ## the pages that are made from the rule packs' text, anew
	@$(BIN)/python -c 'from pathlib import Path; from dunwell.law.telling import write_pages; write_pages(Path("docs/packs"))'

messages: setup  ## the office's texts gathered for translation, and the Chinese compiled
	@$(BIN)/python -m dunwell.office.translating

lock: $(TOOLS)  ## pin every part anew, with hashes, into requirements.lock
	@$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-annotate \
		--python-version 3.11 --group dev --all-extras pyproject.toml -o requirements.lock \
		--custom-compile-command "make lock"

clean:  ## remove what was made here (the environment, caches, the demo)
	@rm -rf .venv .tools .build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache demo dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv lives in a small environment of its own. The mark is written last, so an interrupted run starts over.
$(TOOLS):
	@[ -n "$(PYTHON)" ] || { echo "dunwell needs Python 3.11 or later with its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "making .tools (uv $(UV_VERSION))"
	@$(PYTHON) -m venv --clear .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# .venv/.unfinished stands while the environment is being made; found at the start, it means that a run broke off there.
# Where only pip knows the way to the packages (a mirror in its settings), pip installs the same pins under the same hashes.
$(READY): requirements.lock pyproject.toml $(TOOLS)
	@echo "making .venv from requirements.lock"
	@if [ -e .venv/.unfinished ] || ! .venv/bin/python -c '' 2>/dev/null; then rm -rf .venv; fi
	@[ -d .venv ] || $(UV) venv --quiet --python "$$(.tools/bin/python -c 'import sys; print(sys._base_executable)')" .venv
	@touch .venv/.unfinished
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.lock \
		|| { echo "uv could not fetch the packages; trying pip"; \
		     .tools/bin/python -m pip --python .venv/bin/python install --quiet --disable-pip-version-check \
		         --require-hashes -r requirements.lock; }
	@$(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable .
	@rm .venv/.unfinished
	@touch $@
