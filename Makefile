# Everything happens in a virtual environment of its own; `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install demo serve reindex test test-reliability lint format bench bench-encoder bench-sources fuzz docs test-deps lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.installed ## Make the virtual environment and install the locked dependencies

$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[test,lint]'
	@touch $@

demo: install ## Load the sample data, index it and match one need
	@echo "== Loading and indexing the sample collection"
	@$(BIN)/samspill init --demo
	@echo
	@echo "== Who can meet a Bokmål need? Suppliers write in eight languages"
	@$(BIN)/samspill match move-n1 -k 5
	@echo
	@echo "Start the service with 'make serve', then open http://127.0.0.1:$(PORT)/"
	@echo "(the API is at /api/v1, its documentation at /api/docs)"

serve: install ## Start the service at http://127.0.0.1:8000/
	@$(BIN)/samspill serve --port $(PORT)

reindex: install ## Build a new index from the store and publish it
	@$(BIN)/samspill reindex

test: lint ## Run lint, types and all tests
	$(BIN)/pytest

test-reliability: $(VENV)/.installed-test ## The reliability tests in their long form (about an hour)
	SAMSPILL_TEST_LONG=1 $(BIN)/pytest tests/reliability

lint: $(VENV)/.installed-test ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test ## Put the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## Measure speed and memory; BENCH='--suppliers 1000000' for a country
	$(BIN)/python -m scripts.bench $(BENCH)

bench-sources: $(VENV)/.installed-test ## Measure intake: notices, a register of a million, bombs
	$(BIN)/python scripts/bench_sources.py

fuzz: $(VENV)/.installed-test ## Read 10,000 damaged files of every format
	$(BIN)/python scripts/fuzz_sources.py

bench-encoder: install ## Measure the encoder (EVAL=folder PEER=model)
	$(BIN)/python scripts/bench_encoder.py $(if $(EVAL),--eval $(EVAL)) $(if $(PEER),--peer $(PEER))

docs: $(VENV)/.installed-test ## Write the generated parts of the documentation
	$(BIN)/python scripts/make_docs.py

test-deps: ## Install the Debian packages some tests need (as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core postgresql

lock: ## Renew requirements.lock from what pyproject.toml allows
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet torch==2.13.0
	build/lock/bin/pip install --quiet --editable '.[test,lint]'
	build/lock/bin/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock

clean: ## Delete what make made, but not the data in var/
	rm -rf $(VENV) build *.egg-info
