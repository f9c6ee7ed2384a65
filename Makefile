# The workshop's table of contents. Every target sets up what it needs first.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.stamp
CAMPAIGN ?= bso-match
OUT ?= runs/$(CAMPAIGN)
# numerical libraries spin when they fight over few cores; Athanor's own workers are the parallelism
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: help setup run test nightly node check lint bench bench-xrd endurance chaos chaos-ledger schemas lock clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv from the committed lock

# Bytecode is made once, here: otherwise each of the processes that a lab starts compiles its libraries anew where they
# cannot keep it. uv reads UV_FIND_LINKS, not pip's variable of the same meaning: hand it over, so that a local
# folder of wheels (a CPU build of torch, say) serves both.
$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" $(BIN)/uv pip install -q --compile-bytecode -p $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	touch $@

run: $(STAMP) ## run the shipped campaign in virtual time (CAMPAIGN=bso-match OUT=runs/bso-match)
	$(BIN)/athanor run $(CAMPAIGN) --virtual --out $(OUT)

check: $(STAMP) lint ## fast tests, lint, types and import rules
	$(BIN)/pytest -q -m "not slow and not hours" -n 2

lint: $(STAMP) ## ruff, mypy --strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The agent of the how-to in JavaScript is run where Node is; its test is skipped, with its reason, where it cannot be had.
NATS_JS := @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 @nats-io/nkeys@2.0.3
node: ## install what the how-to's agent in JavaScript needs into build/node, if there is npm
	@command -v npm >/dev/null || { echo "npm is not installed: the agent in JavaScript is not tested." >&2; exit 0; }; \
	test -d build/node/node_modules/@nats-io/jetstream || { mkdir -p build/node && \
	timeout 300 npm install --prefix build/node --no-save --no-audit --no-fund --loglevel=error $(NATS_JS) >&2 \
	|| echo "nats.js was not installed: the agent in JavaScript is not tested." >&2; }

test: $(STAMP) node lint ## all that guards a change: lint, types, import rules, all tests but those of hours
	$(BIN)/pytest -q -m "not hours" -n 2

nightly: $(STAMP) chaos chaos-ledger ## what takes hours: hundreds of samples, hundreds of kills
	$(BIN)/pytest -q -m hours -n 2

bench: $(STAMP) ## print the benchmarks: ratios beside a peer or a limit run at the same time
	$(BIN)/python -m tests.bench

bench-xrd: $(STAMP) ## phases in measured patterns (DIR=folder with a manifest.json) beside baselines, and in simulated ones
	$(BIN)/python -m tests.bench.xrd $(DIR) --jobs $(or $(JOBS),2)
	$(BIN)/python -m tests.bench.xrd_campaign --jobs $(or $(JOBS),2)

endurance: $(STAMP) ## what grows over 100 000 events and 1 000 restarts in time-lapse: slopes of memory and counts (half an hour)
	$(BIN)/python -m tests.bench.broker_memory
	$(BIN)/python -m tests.bench.endurance --events $(or $(EVENTS),100000) --restarts $(or $(RESTARTS),1000)

chaos: $(STAMP) ## kill everything a hundred times at random moments, and count what is lost (minutes)
	$(BIN)/python -m tests.chaos --kills 100 --seed 1

chaos-ledger: $(STAMP) ## kill broker, ledger writer, witness and agents under load, and verify after each kill (minutes)
	$(BIN)/python -m tests.chaos.evidence_under_fire --kills 200 --seed 1

schemas: $(STAMP) ## write contracts/schemas, contracts/asyncapi.yaml and the event catalogue anew
	$(BIN)/python -m contracts

# Locked from the public index alone, so that no folder of this machine enters the lock. torch's
# accelerator libraries are left out: the build that is installed decides which of them it needs.
lock: $(STAMP) ## resolve the dependencies again into requirements.lock
	UV_FIND_LINKS= $(BIN)/uv lock --upgrade
	UV_FIND_LINKS= $(BIN)/uv export -q --frozen --no-emit-project --no-hashes --no-annotate --no-header --all-extras --all-groups \
	  | grep -vE '^(nvidia-|cuda-|triton)' > requirements.lock

clean: ## remove what setup and runs made
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache build ./*.egg-info
