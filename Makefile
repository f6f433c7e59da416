# Each target does the set-up that it needs; a second run reuses what is there. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
# PyTorch comes first and by version, so that no other package chooses a build of several gigabytes.
TORCH ?= torch==2.13.0

# Most tests wait for a Godot that starts. Those of a file share what they need, so they stay together.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist loadfile

BIN := $(VENV)/bin
RUN := $(BIN)/godot-marl
SCRIPTS := godot_addon benchmarks envs/*/*.gd docs/pictures tests/editor tests/gdscript tests/godot_project/*.gd \
  tests/integration/envs/*.gd

.PHONY: help demo test lint lint-python lint-types lint-layers lint-gdscript format display godot3 clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed display  ## Train CartPole: model, learning curve, video
	$(RUN) engine install
	$(RUN) train cartpole

test: $(VENV)/.installed display godot3  ## Run the tests, on the real engine
	$(RUN) engine install
	$(BIN)/pytest $(SIDE_BY_SIDE)

# `.pre-commit-config.yaml` calls the same parts, so that a commit and CI never disagree.
lint: lint-python lint-types lint-layers lint-gdscript  ## Run the linters and the type checker

lint-python: $(VENV)/.installed  ## Only ruff: rules and format of the Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.installed  ## Only mypy: the types
	$(BIN)/mypy

lint-layers: $(VENV)/.installed  ## Only import-linter: an import points down
	$(BIN)/lint-imports

lint-gdscript: $(VENV)/.installed  ## Only gdformat and gdlint: the GDScript
	$(BIN)/gdformat --check $(SCRIPTS)
	$(BIN)/gdlint $(SCRIPTS)

format: $(VENV)/.installed  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/gdformat $(SCRIPTS)

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The oldest versions that pyproject.toml allows, and Ray, which wants an old gymnasium. VENV above has the newest ones.
.venv-oldest/.installed: pyproject.toml tests/versions/oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check $(TORCH)
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check --constraint tests/versions/oldest.txt \
	  --editable '.[rllib,test]'
	touch $@

# Pictures need a display; where there is none, Xvfb is one.
display:
	@if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ] && ! command -v Xvfb > /dev/null; then \
	  if command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing Xvfb, a virtual display"; \
	    apt-get -o DPkg::Lock::Timeout=300 update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --quiet --quiet --yes --no-install-recommends xvfb; \
	  else \
	    echo "No display, and no Xvfb: install it (for example: sudo apt-get install xvfb) and try again." >&2; \
	    exit 1; \
	  fi; \
	fi

# The tests of what comes from GymGodot run its engine: one build without a window, and one with.
godot3:
	@if ! command -v godot3-server > /dev/null || ! command -v godot3 > /dev/null; then \
	  if command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing Godot 3, which the tests of godot_marl/server-v0 run"; \
	    apt-get -o DPkg::Lock::Timeout=300 update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --quiet --quiet --yes --no-install-recommends \
	      godot3-server godot3; \
	  else \
	    echo "No Godot 3: install it (for example: sudo apt-get install godot3-server godot3) and try again." >&2; \
	    exit 1; \
	  fi; \
	fi

clean:  ## Remove what the other targets made here
	rm -rf $(VENV) .venv-oldest runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
