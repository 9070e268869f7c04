# Two commands for a fresh machine: make demo, make test. Both make .venv from pinned packages first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORT ?= 8000
PYTEST_WORKERS ?= 2

.PHONY: demo test lint unit bench schemas clean

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

schemas: $(READY)  ## write the editor schemas and the contract's schema anew
	$(BIN)/python -m service.knowledge schema
	$(BIN)/python -m service.contract_schema

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sandbox,test]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist
