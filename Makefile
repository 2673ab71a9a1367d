# make demo | test | test-all | lint: each needs only CPython >= 3.11 and git, and sets up $(VENV) the first time
# (some minutes, some 6 GB, most of it torch). Later runs start at once.
#   make test VENV=/tmp/venv PYTHON=python3.12     another place, another Python
#   make demo TORCH_INDEX=URL                      torch and torchvision from another index, such as PyTorch's of CPU builds
#   make demo INSTALLER=uv                         half the time; but it reads none of pip's settings, such as a mirror

PYTHON ?= python3
VENV ?= .venv
INSTALLER ?= pip
TORCH_INDEX ?=

PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
UV := $(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt
INSTALL := $(if $(filter uv,$(INSTALLER)),$(UV),$(PIP))
OLD := sys.version_info < (3, 11) and "Python >= 3.11 is needed, but $(PYTHON) is %s; give another one by PYTHON=..." % sys.version.split()[0]

# Without kept bytecode each of the suite's processes compiles anew what it imports: half of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-all lint

PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

demo: $(INSTALLED)
	$(PY) -m sansa_lightning fit --config experiments/nano/adapt.yaml

# A file goes to one process, since its tests share what is slow to make; in the order of their names, by which short
# files come last. Modules of an extra that is not installed have no doctests.
test: $(INSTALLED)
	$(PYTEST) -m "not slow" --doctest-modules --doctest-ignore-import-errors sansa_lightning tests

# What takes longer: whole runs, interrupted runs, several processes.
test-slow: $(INSTALLED)
	$(PYTEST) -m slow tests

test-all: test test-slow

lint: $(INSTALLED)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# sam2 is built from source and its isolated build would download a torch of its own; so torch comes first.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit($(OLD))'
	@echo "Setting up $(VENV): some minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@$(if $(filter uv,$(INSTALLER)),$(PIP) uv)
	@$(if $(TORCH_INDEX),$(INSTALL) --no-deps --index-url $(TORCH_INDEX) torch torchvision)
	@$(INSTALL) torch torchvision setuptools wheel
	@SAM2_BUILD_CUDA=0 $(INSTALL) --no-build-isolation sam2==1.1.0
	@$(INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $(INSTALLED)
