# Two commands: `make build` and `make test`. Each sets up .venv from nothing when it has to.
# `make docs` writes the documentation as a site into build/site.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs_ready
BASE_PYTHON := $(shell command -v python3.12 || command -v python3)

.PHONY: build test docs clean

build: $(READY)
	$(PYTHON) -m edge_export build --target android

test: $(READY)
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "not swift"

docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

$(DOCS_READY): requirements-docs.lock $(READY)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-docs.lock
	@touch $(DOCS_READY)

# Made again when the pins change; marked ready only when everything is installed.
$(READY): requirements.lock
	@$(BASE_PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v != (3, 12) and "Python 3.12 is needed, this is %d.%d" % v)' \
		|| { echo "install Python 3.12, then run make again" >&2; exit 1; }
	@$(BASE_PYTHON) tools/install.py $(VENV) requirements.lock
	@touch $(READY)

clean:
	rm -rf $(VENV) dist build
