# Targets work on a fresh machine with Python 3.11+ and make.  `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
BIN := $(VENV)/bin
# One thread per process: tests and encoders run in several processes, which share the cores.
TEST_ENV := OMP_NUM_THREADS=1
# Where numbers are made; the rest of the tests do not depend on the processor, and neither do those files of these folders.
NUMERIC := tests/analysers tests/evaluation tests/preprocess tests/training tests/virtual tests/test_fidelity.py tests/test_precision.py
EXACT := $(addprefix --ignore=tests/,analysers/test_detect_torchvision.py analysers/test_own_analyser.py \
	analysers/test_refusals.py evaluation/test_averages.py evaluation/test_bdrate.py evaluation/test_cells.py \
	evaluation/test_code.py evaluation/test_devices.py evaluation/test_encoding.py evaluation/test_evaluate.py \
	evaluation/test_identity.py evaluation/test_matching.py evaluation/test_measurements.py \
	evaluation/test_public.py evaluation/test_report.py preprocess/test_preprocessor_weights.py \
	training/test_loading.py training/test_own_parts.py training/test_public_data.py training/test_resumable.py \
	training/test_speed.py training/test_workers.py)
# A file is one process's; the order is that of tests/conftest.py.
SPREAD := -n auto --dist loadscope --no-loadscope-reorder
# What torch, oneDNN and MKL then leave unused; on an older processor nothing changes.
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=COMPATIBLE

# Where the environment forbids Python to keep bytecode, each of the hundreds of processes that tests start would compile
# torch and mvlib anew: an import of mvlib then takes two to three times as long.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help lab test lint unit unit-avx2 notebooks browser docs train-image train-video format bench clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e ".[notebooks]"
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e ".[notebooks,dev]"
	@touch $@ $(VENV)/.lab

$(VENV)/.browser: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e ".[browser]"
	@touch $@

$(VENV)/.docs: $(VENV)/.lab
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e ".[notebooks,docs]"
	@touch $@

lab: $(VENV)/.lab ## set up, then open JupyterLab at the first notebook
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_start_here.ipynb

test: $(VENV)/.dev ## set up, then run the linter, all tests and all notebooks, whichever of them fails
	$(MAKE) --keep-going lint unit notebooks

lint: $(VENV)/.dev ## ruff: lint and format check, notebooks too; mypy: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.dev ## the tests of the package
	$(TEST_ENV) $(BIN)/python -m pytest tests -m "not browser" $(SPREAD)

unit-avx2: $(VENV)/.dev ## the fast ones of these tests as a processor without AVX-512 and bfloat16 computes
	$(AVX2) $(TEST_ENV) $(BIN)/python -m pytest $(NUMERIC) $(EXACT) -m "not slow" $(SPREAD)

notebooks: $(VENV)/.dev ## run every notebook and compare it with its committed outputs
	$(TEST_ENV) $(BIN)/python -m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout=600 --nbval-kernel-startup-timeout=120 notebooks -n auto --dist loadscope

browser: $(VENV)/.browser ## the panels in a real browser (needs Chromium)
	$(BIN)/python -m pytest tests/browser -m browser

docs: $(VENV)/.docs ## the course and the reference as one site, build/docs/index.html; a broken reference fails
	rm -rf build/docs build/doctrees
	$(TEST_ENV) $(BIN)/sphinx-build -W --keep-going -n -j auto -d build/doctrees -c docs . build/docs

train-image: $(VENV)/.dev ## train an image preprocessor like the shipped one; minutes on a GPU, goes on if interrupted
	$(BIN)/python -m mvlib train image --batch 48 --workers 3 --lr 3e-3 --steps 1000 --out runs/image

train-video: $(VENV)/.dev ## train the video preprocessor's weights anew (the shipped card then sets finest to false): 36 minutes on one core
	$(TEST_ENV) $(BIN)/python -m mvlib train video --task outline --excerpts 0 --size 160 --frames 4 --batch 4 --steps 1200 \
		--lr 4e-3 --warmup 50 --ema 0.99 --out runs/outline
	$(TEST_ENV) $(BIN)/python -m mvlib train video --task guarded --excerpts 0 --size 224 --frames 8 --batch 2 --steps 400 \
		--lr 2e-3 --warmup 20 --ema 0.98 --checkpoint_every 40 --codecs '[x265, x264]' --start runs/outline/preprocessor.safetensors \
		--out runs/guarded

format: $(VENV)/.dev ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## the benchmarks, ratios measured in one run
	for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean: ## remove the environment and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .cache
