# One set of commands for people and for CI. `make help` lists them.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALLED := $(VENV)/.installed
RECORDING := examples/emotion_shifts.flac
PACKAGES := modeling pipeline training dataset_scripts
THREADS ?= 2
SCRIPTS := benchmarks examples/make_recording.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test test-slow test-gpu fuzz mutation lint format types package ci benchmarks lock clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-11s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## make .venv from the lock file, with the package installed editable

$(INSTALLED): pyproject.toml requirements.lock requirements-torch.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "requirements.lock needs Python 3.11 or newer: make install PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps -r requirements.lock
	@$(PIP) install -r requirements-torch.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@found=$$($(BIN)/python -m pip check) || { echo "$$found"; exit 1; }
	@touch $@

demo: $(INSTALLED) ## analyse the example recording: a table here, a picture beside the recording
	@$(BIN)/audio-emotion analyze $(RECORDING) --plot $(RECORDING:.flac=.png)

# Two processes of one thread each are done sooner than one process of two.
test: $(INSTALLED) ## run the default test suite (no network, no GPU)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-slow: $(INSTALLED) ## run the tests marked slow
	@$(BIN)/python -m pytest -m "slow and not gpu"

test-gpu: $(INSTALLED) ## run the tests that need a CUDA device
	@$(BIN)/python -m pytest -m gpu || test $$? -eq 5 # 5: there is no such test

fuzz: $(INSTALLED) ## knock at every reading door with 10,000 broken inputs (half an hour)
	@$(BIN)/python tests/fuzz_run.py --cases 10000

mutation: $(INSTALLED) ## put faults into losses, masks, windows and metrics, and count those that the tests find
	@$(BIN)/python -c 'import cosmic_ray' 2>/dev/null || { echo "Run: $(BIN)/pip install 'audio-emotion[mutation]'"; exit 1; }
	@$(BIN)/python -m benchmarks.mutation --json results/mutation.json

lint: $(INSTALLED) ## check style and formatting
	@$(BIN)/ruff check --quiet --output-format=concise
	@$(BIN)/ruff format --check --quiet --output-format=concise || { echo "not formatted: run make format"; exit 1; }

format: $(INSTALLED) ## format the code and mend what the linter can
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet --fix

# mypy does not follow an editable install of folders outside src: links lay the package out as its users see it.
types: $(INSTALLED) ## check types (mypy strict)
	@rm -rf .typing && mkdir -p .typing/audio_emotion
	@for path in src/audio_emotion/* $(PACKAGES); do ln -s ../../$$path .typing/audio_emotion/; done
	@$(BIN)/mypy -p audio_emotion
	@$(BIN)/mypy $(SCRIPTS)

package: $(INSTALLED) ## build the sdist and the wheel into dist/, and check them
	@rm -rf build dist
	@log=$$($(BIN)/python -m build --no-isolation . 2>&1) || { echo "$$log"; exit 1; }
	@AUDIO_EMOTION_DIST=dist $(BIN)/python -m pytest -m "" tests/test_wheel.py
	@ls -lh dist | awk 'NR > 1 { print "dist/" $$9, $$5 }'

ci: lint types package test ## everything that CI checks

# Short questions first, so that a fault shows early. Two need corpora and run where these are named:
# make benchmarks DATA=prepared NEMO=/data/nemo
MEASURE = $(BIN)/python -m benchmarks
benchmarks: $(INSTALLED) ## measure everything into results/ and docs/performance.md (idle machine, half an hour)
	@$(MEASURE).import_time --json results/import_time.json
	@$(MEASURE).encoder_speed --threads $(THREADS) --json results/encoder_speed.json
	@$(MEASURE).roof --threads $(THREADS) --json results/roof.json
	@rm -f results/peers.json results/long_audio.json # they keep the cases of an earlier run
	@$(MEASURE).peers --threads $(THREADS) --json results/peers.json
	@$(MEASURE).training_speed --threads $(THREADS) --json results/training_speed.json
	@$(MEASURE).stream --json results/stream.json
	@$(MEASURE).onnx_backend --threads $(THREADS) --json results/onnx.json
	@$(MEASURE).long_audio --mp3-minutes 10 60 --threads $(THREADS) --json results/long_audio.json
	@$(MEASURE).memory --cases wav-44100-2 --json results/memory.json
	@test ! -e benchmarks/scale.py || $(MEASURE).scale --json results/scale.json
	@test -z "$(DATA)" || $(MEASURE).int8 --data $(DATA) --threads $(THREADS) --json results/int8.json
	@test -z "$(NEMO)" || $(MEASURE).prepare_speed nemo --source $(NEMO) --json results/prepare_speed.json
	@$(MEASURE).performance_page

# The hashes are those of all files of the public index, so that the lock serves every platform.
LOCK_PIP := .lock/bin/python -m pip --quiet --disable-pip-version-check
lock: ## write requirements.lock anew from pyproject.toml, keeping the pins it has
	@rm -rf .lock && $(PYTHON) -m venv .lock
	@sed -n 's/^\([^ #]*==[^ ]*\).*/\1/p' requirements.lock requirements-torch.lock > .lock/pins
	@$(LOCK_PIP) install -c .lock/pins -e '.[dev]'
	@$(LOCK_PIP) freeze --all --exclude pip --exclude torch --exclude-editable \
		| sed -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d' > .lock/found
	@$(LOCK_PIP) install uv
	@{ sed -n '/^#/p; /^--/p' requirements.lock; .lock/bin/uv pip compile --quiet --no-header --no-annotate --no-deps \
		--generate-hashes .lock/found; } > .lock/requirements.lock
	@mv .lock/requirements.lock requirements.lock && rm -rf .lock

clean: ## remove what was built (not .venv)
	@rm -rf build dist .typing .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info src/*.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
