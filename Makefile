# Each target installs what it needs. Start with `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

TOOLS := .venv-tools
SITE := .venv-site
INSTALL := -m pip install --quiet --disable-pip-version-check
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

.PHONY: install demo dev test lint types tests unit coverage hooks properties slow bench docs site pictures constraints audit clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --require-hashes --no-deps -r constraints.txt
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check --disable-pip-version-check >/dev/null \
		|| { $(BIN)/python -m pip check; echo "constraints.txt is behind pyproject.toml: make constraints"; exit 1; }
	@touch $@

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/feedback-assets demo

dev: $(VENV)/.installed
	$(BIN)/feedback-assets dev

test: lint types tests

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar feedback_assets

types: $(VENV)/.installed
	$(BIN)/mypy

tests: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

# Those that use no server and no Dagster instance.
unit: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist loadfile -m unit

# The fast tests with branch coverage; slower.
coverage: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow' --cov=feedback_assets --cov-report=term

# The pre-commit hooks, on every file.
hooks: $(VENV)/.installed
	$(BIN)/pre-commit run --all-files

# The SQL against the reference implementation, 200 examples per property.
properties: $(VENV)/.installed
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n 2 tests/transforms/test_against_reference.py

# Spark takes 400 MB; only its tests and the drivers of a cluster need it.
$(VENV)/.spark: $(VENV)/.installed constraints-spark.txt
	$(BIN)/python $(INSTALL) --require-hashes --no-deps -r constraints-spark.txt
	@touch $@

# Three processes on two cores, since these tests mostly wait for daemons; tests/conftest.py starts
# with the longest. Failed tests run once more, one at a time, to tell a fault from a machine that is
# too busy; the first failure stays in the output.
slow: $(VENV)/.spark
	$(BIN)/pytest -m slow -n 3 --dist loadfile --no-loadscope-reorder \
		|| { test $$? = 1 && $(BIN)/pytest -m slow --last-failed --last-failed-no-failures none; }

# Every claim in docs/performance.md, including the peers: one to two hours on an idle machine.
# Each peer has its own environment, since its pins conflict with this project's.
PEERS := dlt airbyte_cdk singer_sdk

benchmarks/peers/.venv-%/.installed: benchmarks/peers/%.txt
	$(PYTHON) -m venv benchmarks/peers/.venv-$*
	benchmarks/peers/.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench: $(VENV)/.installed $(PEERS:%=benchmarks/peers/.venv-%/.installed)
	$(BIN)/python -m benchmarks

docs: $(VENV)/.installed
	$(BIN)/python -m feedback_assets.tables.document docs/tables.md
	$(BIN)/python -m feedback_assets.environment.listed

# The site uses none of the project's packages, so it has its own environment of eleven packages.
$(SITE)/.installed: constraints-docs.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python $(INSTALL) --require-hashes --no-deps -r constraints-docs.txt
	@touch $@

# --strict fails on broken links and anchors. It does not check pictures and the menu;
# tests/test_documents.py does.
site: $(SITE)/.installed
	NO_COLOR=1 $(SITE)/bin/zensical build --clean --strict

# The pictures in README and docs, from the sandbox's data; needs chromium, takes some minutes.
pictures: $(VENV)/.installed
	$(BIN)/python -m tests.pictures

$(TOOLS)/.installed: constraints-tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python $(INSTALL) --require-hashes --no-deps -r constraints-tools.txt
	@touch $@

# Run after changing dependencies. Existing pins are kept unless a range excludes them or UPGRADE=1.
constraints: $(TOOLS)/.installed
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra dev --extra s3 -o constraints.txt >/dev/null
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra spark --constraint constraints.txt -o constraints-spark.txt >/dev/null
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --group image --extra s3 --extra postgres --extra iceberg --extra server --extra kubernetes --constraint constraints.txt -o constraints-image.txt >/dev/null
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --group server --extra s3 --extra postgres --extra iceberg --extra server --extra cluster --constraint constraints.txt -o constraints-server.txt >/dev/null
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group tools -o constraints-tools.txt >/dev/null
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group docs -o constraints-docs.txt >/dev/null

# Checks the pinned versions for known vulnerabilities through an online service. --strict fails on
# unknown packages; otherwise an empty response would look like success.
audit: $(TOOLS)/.installed
	@$(TOOLS)/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
		-r constraints.txt || { echo "make audit: failed. Known holes are listed in a table above;" \
		"an ERROR or a traceback means that the service was not reached and nothing was audited."; exit 1; }

clean:
	rm -rf $(VENV) $(TOOLS) $(SITE) site data .coverage*
