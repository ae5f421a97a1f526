# Each command prepares what it needs the first time and starts at once the next.
# Variables: LISTEN and DURATION for demo; PYTHON (3.11 or newer); ARGS for pytest, the benchmarks and uv; JOBS: how many
# files of tests run side by side (0: one after another, in this process).

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak audit sbom docs dashboards manifests lock clean

LISTEN ?= 127.0.0.1:10777
DURATION ?=
PYTHON ?= python3
ARGS ?=
JOBS ?= 3

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

help:
	@echo "make demo    the exporter on simulated control planes [LISTEN=127.0.0.1:10777] [DURATION=SECONDS]"
	@echo "make test    all tests [ARGS=for pytest] [JOBS=3]"
	@echo "make lint    ruff (rules and format) and mypy"
	@echo "make bench   the benchmarks [ARGS=for them]"
	@echo "make soak    random faults and churn for half an hour [MINUTES=30] [SEED=]"
	@echo "make audit   known vulnerabilities of what the locks name"
	@echo "make sbom    a bill of materials of requirements.lock [ARGS=sbom.json]"
	@echo "make docs    docs/metrics.md, from the tables in the code"
	@echo "make dashboards  the Grafana boards, their rules and their table of codes"
	@echo "make manifests   what deploy/kubernetes has of alerts/ and dashboards/"
	@echo "make lock    requirements.lock and requirements-dev.lock, with uv [ARGS=--upgrade]"
	@echo "make clean   remove the environment and all caches"

# The programs run from the checkout, as a module: nothing is built, and there is no installed copy to go stale.
# exec, so that a signal reaches the program and not a shell before it.
demo: $(VENV)/.runtime
	@exec $(BIN)/python -m exporter demo --web.listen-address=$(LISTEN) $(if $(DURATION),--duration=$(DURATION))

test: $(VENV)/.dev
	@tests/tools/install.sh
	@exec $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

bench: $(VENV)/.dev
	@exec $(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.dev
	@exec $(BIN)/python -m tests.faults.soak --minutes=$(or $(MINUTES),30) $(if $(SEED),--seed=$(SEED))

# Exit code 3: no advisory service could be asked.
audit: $(VENV)/.dev
	@$(BIN)/python tests/tools/audit.py

sbom: $(VENV)/.dev
	@$(BIN)/python tests/tools/sbom.py $(or $(ARGS),sbom.json)

docs: $(VENV)/.runtime
	@$(BIN)/python -m exporter.metrics.document > $(VENV)/metrics.md
	@mv $(VENV)/metrics.md docs/metrics.md

dashboards: $(VENV)/.dev
	@$(BIN)/python -m dashboards.generator

manifests: $(VENV)/.runtime
	@$(BIN)/python deploy/kubernetes/generate.py

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@$(LOCK) $(ARGS) -o requirements.lock >/dev/null
	@$(LOCK) $(ARGS) --extra dev -c requirements.lock -o requirements-dev.lock >/dev/null

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's python3 has no ensurepip, and so no venv, before python3-venv is installed.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing python3-venv" && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; \
		else \
			echo "$(PYTHON) has no venv; on Debian: sudo apt-get install python3-venv" >&2; exit 1; \
		fi
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock | $(VENV)/.created
	@echo "installing requirements.lock"
	@$(INSTALL) -r requirements.lock
	@touch $@

# The second lock holds all of the first.
$(VENV)/.dev: requirements.lock requirements-dev.lock | $(VENV)/.created
	@echo "installing requirements-dev.lock"
	@$(INSTALL) -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@
