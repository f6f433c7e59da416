# Each target does the set-up that it needs; a second run reuses what is there.

PYTHON ?= python3
VENV ?= .venv
# PyTorch comes first and by version, so that no other package chooses a build of several gigabytes.
TORCH ?= torch==2.13.0

# Most tests wait for a Godot that starts. Those of a file share what they need, so they stay together.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist loadfile

BIN := $(VENV)/bin
RUN := $(BIN)/godot-marl
SCRIPTS := godot_addon benchmarks/project envs/*/*.gd docs/pictures tests/editor tests/gdscript tests/scenes/*.gd tests/envs/*.gd

.PHONY: demo test lint format display godot3 clean

demo: $(VENV)/.installed display  ## Train CartPole: model, learning curve, video
	$(RUN) engine install
	$(RUN) train cartpole

test: $(VENV)/.installed display godot3  ## Run the tests, on the real engine
	$(RUN) engine install
	$(BIN)/pytest $(SIDE_BY_SIDE)

lint: $(VENV)/.installed  ## Run the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
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
	    apt-get update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends xvfb; \
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
	    apt-get update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends \
	      godot3-server godot3; \
	  else \
	    echo "No Godot 3: install it (for example: sudo apt-get install godot3-server godot3) and try again." >&2; \
	    exit 1; \
	  fi; \
	fi

clean:  ## Remove what the other targets made here
	rm -rf $(VENV) .venv-oldest runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
