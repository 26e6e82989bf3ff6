# One command from nothing: `make run`. One command equals CI: `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS ?= runs
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run test check lint types contracts tests docs figures clean battery


# A stamp per environment, so that `make run` installs no development tools and `make test` builds on what is there.
$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[experiments]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' # reads dependency groups
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	touch $@ $(VENV)/.run

# Long checks with a committed outcome (docs/battery); a second start goes on. The word
# behind `battery` is a name, not a target: `types` is both.
ifeq ($(firstword $(MAKECMDGOALS)),battery)
NAMES := $(wordlist 2,9,$(MAKECMDGOALS))

battery: $(VENV)/.dev
	@$(BIN)/python tests/battery/run.py $(NAMES)

ifneq ($(NAMES),)
$(NAMES):
	@:
endif
else

# Exit status 1 says that a claim failed (its name is printed); that is a result, not an error of the run.
run: $(VENV)/.run
	$(BIN)/condensery run phase-diagram --preset quick --runs $(RUNS) || test $$? -eq 1
	$(BIN)/condensery run phase-diagram --preset quick --set data=digits --runs $(RUNS) || test $$? -eq 1

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/pyrefly check

# The quick subset for developers.
check: lint contracts types
	$(BIN)/python -m pytest -n 2 -m "not slow" tests

tests: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 tests src examples --doctest-modules

test: lint contracts types tests
	$(BIN)/python tests/battery/run.py --age

docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# Renews the committed results that the documentation shows.
figures: $(VENV)/.dev
	$(BIN)/python docs/renew.py

clean:
	rm -rf $(VENV) docs/_build docs/generated

endif
