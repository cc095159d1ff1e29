# Two commands do all the set-up: `make report` and `make test`. Each builds its own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := figure8 circle absolute_value clusters spiral_dots

.PHONY: report test slow check bench docs claims clean

# The stamp is remade when the dependencies change, so that an old environment is brought up to date.
$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "theorycheck needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,neural,rigorous,proofs,notebooks]'
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

report: $(VENV)/.core
	$(BIN)/theorycheck report $(BENCHMARKS) -o out
	@echo "The report: $(CURDIR)/out/report.html"

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A process a core, one thread each. The tests marked slow train networks for minutes: `make slow`,
# and `make claims`, which needs what they measure.
ONE := THEORYCHECK_JOBS=1 $(BIN)/theorycheck
PYTEST := THEORYCHECK_JOBS=1 NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --maxprocesses 8 --dist loadfile

# What most tests need is compiled once, before there are processes that would each do so.
test: check
	$(ONE) decompose 'expr:sin(3*z)' --noise-variance 0.04 --tolerance 1e-3 --iwae 2 --certify 4 --json > /dev/null
	$(ONE) optimum 'expr:sin(3*z)' --noise-variance 0.04 --objective iwae --samples 2 --starts 2 --no-cache --json > /dev/null
	$(ONE) labels 'expr:[z + y]' --noise-variance 3 --search none --iwae 2 --json > /dev/null
	$(ONE) decompose 'expr:[z1 + 0.3*z2]' --noise-variance 1 --tolerance 1e-2 --json > /dev/null
	$(PYTEST) -m 'not slow'

slow: $(VENV)/.test
	$(PYTEST) -m slow --networks small --thorough

bench: $(VENV)/.bench
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,rounds --benchmark-sort=name

# Warnings are errors: a page that nobody lists, a link to nowhere, a formula that is not one.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "The documentation: $(CURDIR)/docs/_build/html/index.html"

# All claims are run; then their table is a page of the documentation.
claims: $(VENV)/.test
	$(BIN)/theorycheck verify -o out/claims
	$(BIN)/python docs/_ext/claims_page.py out/claims/claims.json docs/claims.md

clean:
	rm -rf $(VENV) out docs/_build .pytest_cache .mypy_cache .ruff_cache
