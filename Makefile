# Needs Python 3.11 or newer and make. Everything else is fetched into .uv and .venv.

PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
UV := .uv/uv-$(UV_VERSION)
READY := .venv/.ready

export UV_PYTHON_DOWNLOADS := never

# FULL=1 tries most, SHORT=1 as little as `make test` does.
SIZE = $(if $(FULL),full,$(if $(SHORT),short,long))

.PHONY: run test model fuzz planted faults assurance bench lint types contracts check clients clean
.DEFAULT_GOAL := run

run: $(READY) ## PostgreSQL, API and worker on 127.0.0.1:$PORT until Ctrl-C
	@exec $(BIN)/crm-saas up

test: $(READY) ## everything, on all cores, against a real PostgreSQL; ARGS=… goes to pytest
	@exec $(BIN)/pytest -n auto --dist loadfile $(ARGS)

model: $(READY) ## random operations of two tenants against a model in memory
	@CRM_TEST_SIZE=$(SIZE) exec $(BIN)/pytest tests/model $(ARGS)

fuzz: $(READY) ## hostile input: every operation of the API, every parser, a day of toll fraud
	@CRM_TEST_SIZE=$(SIZE) exec $(BIN)/pytest tests/fuzz tests/otp/test_under_fire.py $(ARGS)

faults: $(READY) ## kills, cuts, full disks and frozen servers, under load
	@CRM_TEST_SIZE=$(SIZE) exec $(BIN)/pytest tests/faults $(ARGS)

planted: $(READY) ## faults planted in copies of the code, each caught by the test that names it
	@CRM_TEST_SIZE=$(SIZE) exec $(BIN)/pytest tests/planted $(ARGS)

assurance: ## all of these; each writes what it reached into docs/assurance.md
	@for target in test model fuzz planted faults; do \
		CRM_ASSURANCE="make $$target$(if $(FULL), FULL=1)" $(MAKE) $$target || exit 1; \
	done

bench: $(READY) ## what it does in a second; FULL=1 with ten million customers; ITEMS=read,create SAVE=1
	@exec $(BIN)/python -m benchmarks --size $(if $(FULL),full,short) \
		$(if $(ITEMS),--items '$(ITEMS)') $(if $(SAVE),--save)

lint: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(READY)
	@$(BIN)/mypy

contracts: $(READY)
	@$(BIN)/lint-imports --no-cache --no-logo

check: lint types contracts test

clients: $(READY) ## a Python and a TypeScript client, into clients/*/generated
	@$(BIN)/python clients/python/generate.py clients/python/generated
	@clients/typescript/generate clients/typescript/generated

clean: ## what was fetched and built; the data in .data stays
	@rm -rf .uv .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf clients/*/generated clients/*/node_modules

$(READY): $(UV) pyproject.toml uv.lock
	@echo 'Building the environment from uv.lock …'
	@.uv/bin/uv sync --quiet --locked --system-certs --python .uv/bin/python
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo '$(PYTHON) is not Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11 …' >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python cannot make environments. Install its venv module' \
			'(Debian and Ubuntu: apt-get install python3-venv), then repeat.' >&2; \
		exit 1; }
	@rm -rf .uv
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
