# Everything runs in one virtual environment, .venv, made when it is first needed and
# brought up to date when pyproject.toml or constraints.txt change. A demo installs what
# runs need; whatever else is made first adds the tools of developers.
#   make test PYTHON=python3.12      another interpreter for a new environment
#   make test PYTEST="-k greens"     options for pytest
#   make test WORKERS=0              in one process
#   make fuzz INPUTS=100000          fewer damaged files
#   make faults KILLS=10             fewer killed runs
#   make mutants MUTANTS=10          fewer changes of the package

PYTHON ?= python3
PYTEST ?=
INPUTS ?= 1000000
KILLS ?= 50
MUTANTS ?= 60
# Most of the time goes into compilation, which keeps one core busy. A file's tests share
# what they set up, so they stay together.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile
# Compiled programs are kept from run to run: JAX knows them by their text, its own version
# and the processor. A folder of your own: make test JAX_COMPILATION_CACHE_DIR=/var/tmp/jax
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.jax_cache
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= -1
# Threads of several processes that wait for each other by spinning halt all of them.
ONE_THREAD := OPENBLAS_NUM_THREADS=1
# Modules compiled once serve all processes that tests start.
export PYTHONDONTWRITEBYTECODE :=
# Relative, so that checkouts in folders with spaces in their names work too.
BIN := .venv/bin
READY_TO_RUN := .venv/ready-to-run
READY := .venv/ready
READY_CUDA := .venv/ready-cuda
READY_TO_COUNT := .cuda/ready
NO_BENCHMARK := benchmarks/_% benchmarks/gpu_launches.py benchmarks/gpu_record.py
BENCHMARKS := $(basename $(notdir $(filter-out $(NO_BENCHMARK),$(wildcard benchmarks/*.py))))

.DEFAULT_GOAL := help
.PHONY: help demo test test32 slow thorough lint docs bench launches fuzz faults mutants gpu clean

help:  ## say what can be made
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/make \1\t\2/p' Makefile

demo: $(READY_TO_RUN)  ## simulate a world, invert it, compare with the truth; into demo/
	$(BIN)/jaxload demo --out demo

test: $(READY)  ## run the tests, but for the slow ones
	$(ONE_THREAD) $(BIN)/python -m pytest $(SPREAD) -m "not slow" $(PYTEST)

slow: $(READY)  ## run the slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest $(SPREAD) -m "slow and not thorough" $(PYTEST)

thorough: $(READY)  ## run the slow tests that repeat others in further cases
	$(ONE_THREAD) $(BIN)/python -m pytest $(SPREAD) -m thorough $(PYTEST)

test32: $(READY)  ## run the tests of what works in single precision
	$(ONE_THREAD) JAX_ENABLE_X64=0 $(BIN)/python -m pytest $(PYTEST) \
	  tests/test_single_precision.py

lint: $(READY)  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Nothing is loaded from a network, and warnings are errors (mkdocs.yml).
docs: $(READY)  ## build the documentation as a site: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(READY)  ## run every benchmark; results go to benchmarks/results/
	@set -e; for name in $(BENCHMARKS); do \
	  echo "== benchmarks.$$name"; $(BIN)/python -m benchmarks.$$name; done

launches: $(READY) $(READY_TO_COUNT)  ## count what an NVIDIA GPU would launch, without one
	$(BIN)/python -m benchmarks.gpu_launches

fuzz: $(READY)  ## give a million damaged files to every reader; goes on if stopped
	$(ONE_THREAD) $(BIN)/python tests/fuzz.py --inputs $(INPUTS)

faults: $(READY)  ## kill runs, fill disks, damage binary files; goes on if stopped
	$(ONE_THREAD) $(BIN)/python tests/faults.py --kills $(KILLS)
	$(ONE_THREAD) $(BIN)/python tests/full_disks.py
	$(ONE_THREAD) $(BIN)/python tests/damaged.py

mutants: $(READY)  ## change the package in $(MUTANTS) places and see which tests fall
	$(ONE_THREAD) $(BIN)/python tests/mutants.py --count $(MUTANTS)

gpu: $(READY_CUDA)  ## measure every path on an NVIDIA GPU, beside the tests that want one
	$(BIN)/python -m pytest -m gpu $(PYTEST) || [ $$? -eq 5 ]  # 5: none collected
	$(BIN)/python -m benchmarks.gpu_record all --out record

clean:  ## remove the environment, caches and the demo's output
	rm -rf .venv .cuda .pytest_cache .ruff_cache .hypothesis .jax_cache build dist demo record site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY_TO_RUN): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e ".[run]"
	touch $@

# It holds all that runs need: a demo installs nothing after it.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e ".[dev]"
	touch $(READY_TO_RUN) $@

$(READY_CUDA): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e ".[dev,cuda]"
	touch $@

# XLA's CUDA plugin at jaxlib's version, in a folder of its own: the environment of the
# CPU stays as it is.
$(READY_TO_COUNT): $(READY)
	version=$$($(BIN)/python -c 'import jaxlib; print(jaxlib.__version__)') && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade \
	  --target $(@D) --no-deps jax-cuda12-pjrt==$$version \
	  jax-cuda12-plugin==$$version nvidia-cuda-nvcc-cu12
	touch $@
