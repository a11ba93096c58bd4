# Each target makes and uses $(VENV) by itself. Another interpreter: make test PYTHON=python3.12 VENV=.venv-3.12
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check clean

demo: $(VENV)/.installed
	$(VENV)/bin/turret demo

test: $(VENV)/.installed-dev
	VENV=$(VENV) scripts/test

check: $(VENV)/.installed-dev
	VENV=$(VENV) scripts/check

clean:
	rm -rf $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing Turret into $(VENV) (once)" >&2
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what tests and checks need into $(VENV) (once)" >&2
	$(PIP) -e '.[dev]'
	touch $@
