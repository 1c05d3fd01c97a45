.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
# Snakemake's own checks look for snakefmt's shfmt on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help:  ## List what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: install
install: .venv/.complete  ## Create .venv with the pinned packages

.PHONY: demo
demo: .venv/.complete  ## Run everything on a built-in material (minutes on two cores)
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml
	@echo "The report: $(CURDIR)/results/report/index.html"

.PHONY: test
test: .venv/.complete  ## Run all tests
	$(BIN)/python -m pytest tests/slurm -m "not slurm_full"  # alone: its jobs take all processors
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: test-slurm
test-slurm: .venv/.complete  ## Run the whole pipeline through a Slurm of one node, which is started for it
	$(BIN)/python -m pytest tests/slurm

.PHONY: format
format: .venv/.complete  ## Format all code
	ruff format . && ruff check --fix . && snakefmt Snakefile rules

.PHONY: check
check: .venv/.complete  ## Check format, style, types and the workflow
	ruff format --check .
	ruff check .
	mypy
	snakefmt --check Snakefile rules
	snakemake --lint
	$(MAKE) site

.PHONY: docs
docs: .venv/.complete  ## Make the generated page of the configuration, and the pictures
	$(BIN)/python docs/make_configuration.py
	$(BIN)/python docs/make_information_density.py
	if [ -d results/nmc-synthetic/diffusion-demo ]; then $(BIN)/python docs/make_demo_figure.py; fi

.PHONY: site
site: .venv/.complete  ## Build the documentation site in site/ (warnings are errors)
	sphinx-build --quiet --fail-on-warning --keep-going -d .sphinx docs site

.PHONY: benchmark
benchmark: .venv/.complete  ## Measure speed and quality; tables go to benchmarks/results
	for script in segmentation diffusivity metrics generation blocks periodic pipeline; do $(BIN)/python benchmarks/$$script.py || exit 1; done
