# Every command a person needs. `make` alone lists them.
#
# Python 3.11 to 3.14, make and the package registries are all that is needed; everything lands in .venv.
# PYTHON=/path/to/python3 chooses another Python, ARGS="..." is handed on to the program that a command runs.

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
RUN   := $(VENV)/.ready-to-run
DEV   := $(VENV)/.ready-to-develop
LOCAL := $(VENV)/.ready-to-diffuse
FUZZ  := .venv-fuzz
CLIENTS := .venv-clients
RIG   ?= ../shared/rig
BUILD := pyproject.toml hatch_build.py package.json package-lock.json .npmrc tools/build_art.py tools/build_browser.py

.DEFAULT_GOAL := help
.NOTPARALLEL:

##@ Using it

serve: $(RUN) ## Set everything up and start the server on 127.0.0.1:8000
	@exec $(BIN)/limner serve $(ARGS)

paint: $(RUN) ## Paint one picture without a server: make paint ARGS='"two cats in the snow"'
	@exec $(BIN)/limner paint $(ARGS)

setup: $(DEV) ## Set everything up and stop there
	@echo "limner: ready; \`make serve\` starts the server"

diffusers: $(LOCAL) ## Install what open-weights models on this machine need; TORCH=... names another build of torch
	@echo "limner: ready for open-weights models; docs/diffusers.md goes on from here"

##@ Checking it

test: $(DEV) ## Set everything up and run every test
	@mkdir -p .out
	@$(BIN)/pytest -rs --junit-xml=.out/tests.xml $(ARGS)

test-browser: $(DEV) ## Install Chromium (Debian or Ubuntu, as root) and visit the console with it; `make test` does, where there is one
	@sh tools/setup-browser.sh
	@$(BIN)/pytest -rsP tests/browser $(ARGS)

screenshots: $(DEV) ## A picture of every page, at both widths and in both languages, into .out/screens
	@sh tools/setup-browser.sh
	@rm -rf .out/screens
	@LIMNER_SCREENSHOTS=.out/screens $(BIN)/pytest -q --no-header --durations=0 --durations-min=60 tests/browser/test_pages.py $(ARGS)
	@echo "limner: the pictures are in $(CURDIR)/.out/screens"

servers: ## Install the PostgreSQL that some tests start (Debian or Ubuntu, as root); without it they are skipped
	@sh tools/setup-servers.sh

fault: $(DEV) ## Kill nodes 300 times under load (LIMNER_FAULT_KILLS says otherwise) and break what they need
	@LIMNER_FAULT_KILLS="$${LIMNER_FAULT_KILLS:-300}" $(BIN)/pytest --numprocesses=0 -o faulthandler_timeout=1800 tests/fault $(ARGS)

clients: $(DEV) $(CLIENTS)/.ready ## Set up the programs of others that tests run; without them these are skipped
	@echo "limner: ready; \`make test-clients\` runs them"

test-clients: clients ## Run OpenAI's packages, the AI SDK, LangChain, LiteLLM and others against a server
	@$(BIN)/pytest -rs tests/e2e/test_clients.py $(ARGS)

fuzz: $(DEV) $(FUZZ)/.ready ## Send requests made from the OpenAPI documents to a server of its own: make fuzz CASES=10000
	@$(FUZZ)/bin/python tests/fuzz/fuzz.py --python $(BIN)/python --cases $(or $(CASES),1000) $(ARGS)

check: lint types imports docs-check ## Everything that is checked without running it: the four below

lint: $(DEV) ## Style and faults that can be seen, by ruff
	@$(BIN)/ruff check $(ARGS)
	@$(BIN)/ruff format --check

types: $(DEV) ## Types, strictly, by mypy
	@$(BIN)/mypy $(ARGS)

imports: $(DEV) ## Who imports whom, by import-linter
	@$(BIN)/lint-imports --no-logo $(ARGS)

docs-check: $(DEV) ## Whether the generated pages are what the code says
	@$(BIN)/python tools/generate_docs.py --check

##@ Working on it

format: $(DEV) ## Format the code and mend what can be mended without thinking
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

docs: $(DEV) ## Write the generated pages of docs/ anew
	@$(BIN)/python tools/generate_docs.py

bench: $(DEV) ## Measure how quick it is
	@$(BIN)/python benchmarks/run.py $(ARGS)

bench-peers: $(DEV) ## The same load on us and on others, side by side: needs a rig (RIG=folder of rig.py), wrk and nginx
	@$(BIN)/python benchmarks/peers.py --rig '$(RIG)' $(ARGS)

bench-provenance: $(DEV) ## What content credentials cost per picture
	@$(BIN)/python benchmarks/provenance.py $(ARGS)

bench-uploads: $(DEV) ## What an upload of 45 MB takes in memory
	@$(BIN)/python benchmarks/uploads.py $(ARGS)

bench-streaming: $(DEV) ## How soon the caller of a stream has what the engine shows
	@$(BIN)/python benchmarks/streaming.py $(ARGS)

bench-diffusers: $(DEV) $(LOCAL) ## Our engine for open-weights models against a bare loop of the library
	@$(BIN)/python benchmarks/diffusers.py $(ARGS)

thermometer: $(DEV) ## How big the modules and functions are, and how long the tests took
	@$(BIN)/python tools/thermometer.py

lock: $(DEV) ## Choose the versions anew: make lock ARGS=--upgrade takes the newest
	@$(BIN)/python tools/lock.py $(ARGS)

build: $(DEV) ## Build the wheel into dist/
	@$(BIN)/hatchling build --target wheel

$(LOCAL): requirements-diffusers.lock tools/setup-diffusers.sh $(RUN)
	@sh tools/setup-diffusers.sh $(VENV) '$(TORCH)'
	@touch $@

$(CLIENTS)/.ready: requirements-clients.lock tests/e2e/clients/package-lock.json tools/setup-clients.sh $(DEV)
	@sh tools/setup-clients.sh $(VENV) $(CLIENTS)
	@touch $@

$(FUZZ)/.ready: requirements-fuzz.lock
	@$(BIN)/python -m venv --clear $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-fuzz.lock
	@touch $@

clean: ## Remove everything that was built here; the data folder stays
	@rm -rf $(VENV) $(FUZZ) $(CLIENTS) .out dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@rm -rf src/limner/engines/illustrator/art src/limner/web/console/vendor tests/support/receivers/node_modules tests/browser/node_modules tests/e2e/clients/node_modules
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

help:
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(RUN): requirements.lock tools/setup.sh $(BUILD)
	@PYTHON='$(PYTHON)' sh tools/setup.sh $(VENV) requirements.lock
	@touch $@

$(DEV): requirements-dev.lock tests/support/receivers/package-lock.json tests/browser/package-lock.json $(RUN)
	@PYTHON='$(PYTHON)' sh tools/setup.sh $(VENV) requirements-dev.lock
	@touch $@

.PHONY: serve paint setup diffusers test test-browser screenshots fault clients test-clients fuzz servers check lint types imports docs-check format docs bench bench-peers bench-provenance bench-uploads bench-streaming bench-diffusers thermometer lock build clean help
