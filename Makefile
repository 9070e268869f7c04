# Two commands for a fresh machine: make demo, make test. Both make .venv from pinned packages first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORT ?= 8000
PYTEST_WORKERS ?= 2

.PHONY: demo test lint unit bench mutate-data mutate schemas clean

demo: $(READY)  ## the service on synthetic patients: a table here, a page at /sandbox
	$(BIN)/b12-cds demo --port $(PORT)

test: lint unit  ## everything that must hold before a change lands

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m service.knowledge check

unit: $(READY)
	$(BIN)/pytest -n $(PYTEST_WORKERS)

bench: $(READY)  ## speed beside the bare floor, in one run
	$(BIN)/python -m bench

mutate-data: $(READY)  ## change each number, route and row of the mappings once: every change must be noticed
	$(BIN)/python -m tests.mutation_data

# About an hour on two cores, beside whatever else they do. `build/mutation.jsonl` keeps what was found; after new tests
# `python -m tests.mutation --resume` runs only what nobody noticed, and `python -m tests.mutation assess` one module.
mutate: $(READY)  ## change the code of the domain once in each place: every change must be noticed or explained
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sandbox,test,mutation]'
	nice -n 15 $(BIN)/python -m tests.mutation

schemas: $(READY)  ## write the editor schemas, the contract's schema, the knowledge book and the conformance page anew
	$(BIN)/python -m service.knowledge schema
	$(BIN)/python -m service.contract_schema
	$(BIN)/b12-cds protocol book --output docs/knowledge-book.md
	$(BIN)/python -m tests.conformance.table

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sandbox,test]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist
