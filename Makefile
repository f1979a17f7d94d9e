# Each target sets up what it needs; `make demo` and `make test` are the two to know.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home

.PHONY: demo dev test lint types tests properties slow bench docs constraints clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,s3]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/feedback-assets demo

dev: $(VENV)/.installed
	$(BIN)/feedback-assets dev

test: lint types tests

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

tests: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow'

# The SQL against the reference, 500 examples a property.
properties: $(VENV)/.installed
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n 2 tests/transforms/test_against_reference.py

slow: $(VENV)/.installed
	$(BIN)/pytest -m slow

# Every claim of docs/performance.md, against the peers too: an hour or two on an idle machine.
# A peer has an environment of its own, since its pins and ours do not go together.
PEERS := dlt airbyte_cdk singer_sdk

benchmarks/peers/.venv-%/.installed: benchmarks/peers/%.txt
	$(PYTHON) -m venv benchmarks/peers/.venv-$*
	benchmarks/peers/.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench: $(VENV)/.installed $(PEERS:%=benchmarks/peers/.venv-%/.installed)
	@for script in benchmarks/[a-z]*.py; do \
		$(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

docs: $(VENV)/.installed
	$(BIN)/python -m feedback_assets.tables.document docs/tables.md

constraints: $(VENV)/.installed
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check > constraints.txt

clean:
	rm -rf $(VENV) data
