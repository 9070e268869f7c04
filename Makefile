# Two commands for a fresh machine: make demo, make test. Both make .venv from pinned packages first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BROWSER := $(VENV)/.browser
SUPPLY := build/supply
RUNTIME := build/runtime
PIP := -m pip install --quiet --disable-pip-version-check
PORT ?= 8000
DATA ?=
PYTEST_WORKERS ?= 2
# Suites with a target of their own, so that `make test` ends within five minutes on two cores.
SLOW := tests/docs tests/e2e/test_misbehaving.py tests/e2e/test_documented.py tests/e2e/test_state.py tests/sandbox/test_loading.py
# Those in which seconds matter, one at a time.
ALONE := tests/ops
# Real processes and clocks on a busy machine: what fails once is run once more, alone, and both runs are shown.
twice = $(BIN)/pytest $(1) $(2) || $(BIN)/pytest -n 0 --last-failed $(2)

.PHONY: demo test lint unit bench bench-peers soak faults mutate-data mutate fuzz slow browser servers scaleout image-check \
	lock licences sbom audit schemas clean

demo: $(READY)  ## the service on synthetic patients, or on the charts of a folder (DATA=folder): a table here, a page at /sandbox
	$(BIN)/b12-cds demo --port $(PORT) $(if $(DATA),--data '$(DATA)')

test: lint unit  ## everything that must hold before a change lands

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m service.knowledge check

unit: $(READY)
	$(BIN)/pytest -n $(PYTEST_WORKERS) $(addprefix --ignore=,$(SLOW) $(ALONE) tests/servers)

slow: $(READY)  ## what takes longer: every command of the documents, running and stopping it, servers that misbehave
	$(call twice,-n $(PYTEST_WORKERS),$(SLOW))
	$(call twice,-n 0,$(ALONE))

browser: $(BROWSER)  ## the pages in a real headless Chromium, as people use them; pictures in build/screens
	export B12_TEST_BROWSER=required; $(call twice,-n 0,tests/browser)

servers: $(READY)  ## the whole story against other people's FHIR servers: HAPI (Java 17, Maven), Medplum (Node), sekmet-fhir
	-$(BIN)/python -m tests.servers get hapi
	-$(BIN)/python -m tests.servers get medplum
	$(call twice,-n 0,tests/servers)

scaleout: $(READY)  ## two services, one PostgreSQL and Redis in network namespaces, one cut off and brought back (root)
	$(BIN)/python -m tests.scaleout

bench: $(READY)  ## speed beside the bare floor, in one run
	$(BIN)/python -m bench

bench-peers: $(READY)  ## the service beside other CDS Hooks services that package indexes provide, in one run
	$(BIN)/python -m bench.peers

soak: $(READY)  ## a hundred thousand requests: every answer right, memory flat
	$(BIN)/python -m bench.soak

faults: $(READY)  ## servers that fail and workers that are killed: no wrong answer
	$(BIN)/python -m bench.soak --faults

mutate-data: $(READY)  ## change each number, route and row of the mappings once: every change must be noticed
	$(BIN)/python -m tests.mutation_data

# About an hour on two cores, beside whatever else they do. `build/mutation.jsonl` keeps what was found; after new tests
# `python -m tests.mutation --resume` runs only what nobody noticed, and `python -m tests.mutation assess` one module.
mutate: $(READY)  ## change the code of the domain once in each place: every change must be noticed or explained
	$(BIN)/python $(PIP) --require-hashes -r requirements/mutation.txt
	nice -n 15 $(BIN)/python -m tests.mutation

fuzz: $(READY)  ## 50,000 hostile inputs: none is answered by a fault, a hang, silence or another patient's cards
	nice -n 10 $(BIN)/python -m tests.fuzz

schemas: $(READY)  ## write the editor schemas, the contract's schema, the knowledge book and the conformance page anew
	$(BIN)/python -m service.knowledge schema
	$(BIN)/python -m service.contract_schema
	$(BIN)/b12-cds protocol book --output docs/knowledge-book.md
	$(BIN)/python -m tests.conformance.table
	$(BIN)/python -m service.settings_page

image-check:  ## carry out the Dockerfile without an engine, and try what it makes (root, debootstrap)
	$(PYTHON) -m tests.image.run

lock: $(SUPPLY)/.ready  ## pin everything anew from pyproject.toml; UPGRADE=1 takes the newest
	$(SUPPLY)/bin/python -m tests.supply.lock $(if $(UPGRADE),--upgrade)

licences: $(RUNTIME)/.ready  ## write docs/licences.md from what the image holds
	$(RUNTIME)/bin/python -m tests.supply.licences

sbom: $(RUNTIME)/.ready  ## build/sbom.cdx.json: CycloneDX, held against its schema and the pins
	$(SUPPLY)/bin/python -m tests.supply.sbom $(RUNTIME)/bin/python

audit: $(SUPPLY)/.ready  ## known vulnerabilities; says SKIPPED where nobody can be asked
	$(SUPPLY)/bin/python -m tests.supply.audit

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --require-hashes -r constraints.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(BROWSER): $(READY) requirements/browser.txt
	$(BIN)/python $(PIP) --require-hashes -r requirements/browser.txt
	touch $@

$(SUPPLY)/.ready: requirements/supply.txt
	$(PYTHON) -m venv --clear $(SUPPLY)
	$(SUPPLY)/bin/python $(PIP) --require-hashes -r requirements/supply.txt
	touch $@

$(RUNTIME)/.ready: requirements/image.txt $(SUPPLY)/.ready
	$(PYTHON) -m venv --clear --without-pip $(RUNTIME)
	$(SUPPLY)/bin/python -m pip --python $(RUNTIME)/bin/python install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/image.txt
	touch $@

clean:
	rm -rf $(VENV) build dist
