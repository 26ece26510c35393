# The words of the house. Each works on a fresh clone: what is missing is set up first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: help demo test check bench results shiftlab rehearsal conformance conformance-aces image-test docs lock clean
.PHONY: check-lint check-format check-types check-imports check-size check-house check-docs

help: ## Show these words.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Set-up happens once, and again only when what is to be installed has changed; after that no
# command here needs a network.
$(STAMP): pyproject.toml constraints.txt tools/venv.sh
	@[ -x $(BIN)/pip ] || sh tools/venv.sh $(VENV)
	@echo "Installing Bedside and its development tools into $(VENV)."
	@$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e ".[dev]"
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib src || true # pip would use one core alone
	@touch $@

demo: $(STAMP) ## Take a clinical model through its whole life on real biopsies.
	@$(BIN)/bedside demo

# The cores are shared out by the workers, so each of them keeps its libraries to few threads.
test: export OMP_NUM_THREADS := 1
test: export OMP_THREAD_LIMIT := 1
test: export OPENBLAS_NUM_THREADS := 1
test: export POLARS_MAX_THREADS := 2
test: $(STAMP) ## Run every test, the documentation's examples included.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 40 --durations-min 8

check: check-lint check-format check-types check-imports check-size check-house check-docs ## Run every rule of the house: what CI runs.
	@echo "make check: every rule is kept."

check-lint: | $(STAMP)
	@$(BIN)/ruff check .

check-format: | $(STAMP)
	@$(BIN)/ruff format --check .

check-types: | $(STAMP)
	@$(BIN)/mypy
	@$(BIN)/mypy tools

check-imports: | $(STAMP)
	@PYTHONPATH=src $(BIN)/lint-imports --config .importlinter

check-size: | $(STAMP)
	@$(BIN)/python tools/size_limits.py

check-house: | $(STAMP)
	@$(BIN)/python tools/house_rules.py

check-docs: | $(STAMP)
	@$(BIN)/python tools/cli_reference.py --check
	@$(BIN)/python tools/declaration_schema.py --check
	@$(BIN)/python tools/policy_page.py --check

bench: $(STAMP) ## Run the benchmarks, one by one.
	@found=0; for script in benchmarks/*.py; do \
		[ -e "$$script" ] || continue; \
		found=1; echo "== $$script"; $(BIN)/python "$$script"; \
	done; \
	[ $$found = 1 ] || { echo "benchmarks/ holds no benchmark." >&2; exit 1; }

DATA ?= $(or $(BEDSIDE_TEST_DATA),../shared/data)
conformance: $(STAMP) ## Run the suites that others wrote; DATA=DIR says where they lie.
	@PYTHONPATH=tools $(BIN)/python -m conformance.report "$(DATA)"

# es-aces needs an older Polars than Bedside does, so it lives apart.
ACES := .venv-aces
$(ACES)/.installed: tools/conformance/aces-requirements.txt tools/venv.sh
	@sh tools/venv.sh $(ACES)
	@$(ACES)/bin/python -m pip install --quiet --no-compile -r $<
	@touch $@

conformance-aces: $(STAMP) $(ACES)/.installed
	@PYTHONPATH=tools $(BIN)/python -m conformance.aces "$(DATA)" --python $(ACES)/bin/python

# pycanon needs an older pandas than Bedside does, so it lives apart as well.
PYCANON := .venv-pycanon
$(PYCANON)/.installed: tools/pycanon-requirements.txt tools/venv.sh
	@sh tools/venv.sh $(PYCANON)
	@$(PYCANON)/bin/python -m pip install --quiet --no-compile -r $<
	@touch $@

# A full MLflow server needs an older pyarrow than Bedside does, so it lives apart as well.
MLFLOW := .venv-mlflow
$(MLFLOW)/.installed: tools/mlflow-requirements.txt tools/venv.sh
	@sh tools/venv.sh $(MLFLOW)
	@$(MLFLOW)/bin/python -m pip install --quiet --no-compile -r $<
	@touch $@

# Helm, Kubernetes' schemas and the Compose specification judge what is exported; they live apart.
DEPLOY := .venv-deploy
$(DEPLOY)/.installed: tools/deploy-requirements.txt tools/venv.sh
	@sh tools/venv.sh $(DEPLOY)
	@$(DEPLOY)/bin/python -m pip install --quiet --no-compile -r $<
	@touch $@

# Evidently and NannyML need an older pandas, and NannyML an older LightGBM, so they live apart too.
DRIFT_PEERS := .venv-drift-peers
$(DRIFT_PEERS)/.installed: tools/drift-peers-requirements.txt tools/venv.sh
	@sh tools/venv.sh $(DRIFT_PEERS)
	@$(DRIFT_PEERS)/bin/python -m pip install --quiet --no-compile -r $<
	@touch $@

image-test: $(STAMP) ## Build a version's image twice, start it without a network, and ask it.
	@BEDSIDE_IMAGE_TEST=1 $(BIN)/python -m pytest tests/scenarios/test_deploy_image.py

results: $(STAMP) ## Build the use cases on the public data and write docs/results.md; DATA=DIR says where they lie.
	@PYTHONPATH=tools $(BIN)/python -m results.run "$(DATA)"

shiftlab: $(STAMP) $(DRIFT_PEERS)/.installed ## Shift three models' patients on purpose and write docs/shiftlab.md; DATA=DIR says where they lie.
	@PYTHONPATH=tools $(BIN)/python -m shiftlab.run "$(DATA)" --peers $(DRIFT_PEERS)/bin/python

rehearsal: $(STAMP) ## Rehearse the sepsis model's year and write docs/rehearsal.md; DATA=DIR says where its table lies.
	@sh tools/rehearse_year.sh $(BIN)/bedside "$(DATA)"

docs: $(STAMP) ## Write the generated pages: the command reference and the declaration's schema.
	@$(BIN)/python tools/cli_reference.py
	@$(BIN)/python tools/declaration_schema.py
	@$(BIN)/python tools/policy_page.py

lock: ## Resolve every dependency afresh and pin it in constraints.txt (needs a network).
	@sh tools/lock.sh constraints.txt

clean: ## Remove the virtual environment, the caches and what was built here.
	@rm -rf $(VENV) $(ACES) $(MLFLOW) $(DEPLOY) $(DRIFT_PEERS) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
