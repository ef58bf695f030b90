# `make demo` needs Linux with Python 3.11 or 3.12, git and make; everything else it installs itself.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo run screenshots test check lint bench bench-storage bench-models bench-inpainting lock install uninstall clean

demo: $(READY)
	@$(BIN)/qc-daemon demo $(ARGS)

run: $(READY)
	@$(BIN)/qc-daemon run --config qc.demo.toml $(ARGS)

# Every page in both languages, into docs/screenshots; needs Chromium.
screenshots: $(READY)
	@$(BIN)/python -m benchmarks.screenshots

# Two files at a time: many tests wait on instruments, as a line does.
test: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint test

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

# Accepting, answering and exporting, each beside the plainest code; the long form is ARGS="--rows 10000000".
bench-storage: $(READY)
	@$(BIN)/python -m benchmarks.storage $(ARGS)

# The comparison tables of docs/models.md; QC_DATA names the folder of recorded data.
bench-models: $(READY)
	@$(BIN)/python -m benchmarks.model_tables all $(ARGS)

# How holes are filled, and what that does to measurements; with ARGS=--docs into docs/inpainting.md.
bench-inpainting: $(READY)
	@$(BIN)/python -m benchmarks.inpainting $(ARGS)

# Pins everything with hashes and without the address of any index.
lock:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --extra dev --allow-unsafe \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml

# As root, or with a PREFIX and UNITS that may be written: docs/operating.md.
install:
	@deploy/install.sh install $(ARGS)

uninstall:
	@deploy/install.sh uninstall

clean:
	rm -rf $(VENV) station

$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (about two minutes the first time) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
