# Every target does its own set-up: it needs Python 3.11 or newer, make and git, nothing else.
# PYTHON=/path/to/python3 chooses the Python; ARGS="..." goes to the command that a target runs.

SHELL := /bin/sh
.DEFAULT_GOAL := help
# Two targets at once would set up the same environment twice.
.NOTPARALLEL:

# What the calling shell uses for its own Python must not reach ours.
unexport PYTHONHOME PYTHONOPTIMIZE PYTHONPATH PYTHONSAFEPATH PYTHONSTARTUP PYTHONWARNINGS
export PYTHONNOUSERSITE := 1
export PYTHON

BIN := .venv/bin
ARGS ?=

environment = python=$$(sh tools/find_python.sh) && "$$python" -I tools/environment.py \
	$(1) $(if $(PYTHON),--this-python)
lock = uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --quiet $(ARGS)

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | \
		while IFS='	' read -r target text; do printf '  make %-14s %s\n' "$$target" "$$text"; done

.PHONY: environment
environment:
	@$(call environment,run)

.PHONY: environment-test
environment-test:
	@$(call environment,test)

.PHONY: demo
demo: environment  ## run the demonstration trial; the last line is the path of its report
	@$(BIN)/cxaxis demo $(ARGS)

.PHONY: test
test: environment-test  ## run the tests: unit, property, science
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: test-science
test-science: environment-test  ## run the tests of the science alone
	@$(BIN)/python -m pytest tests/science $(ARGS)

.PHONY: lint
lint: environment-test  ## format, lint and import contracts, checked
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo

.PHONY: types
types: environment-test  ## check the types
	@$(BIN)/mypy

.PHONY: generated
generated: environment-test  ## rebuild the generated files from models and tables
	@$(BIN)/python -m cxaxis.models.generate $(ARGS)
	@$(BIN)/python -m cxaxis.cell.observations_page docs $(ARGS)
	@$(BIN)/python -m cxaxis.report.pathway_docs docs $(ARGS)

.PHONY: calibration
calibration: environment-test  ## fit the cell anew, then reduce it to its response functions (half an hour)
	@$(BIN)/python -m cxaxis.inference.cell_fit $(ARGS)
	@$(BIN)/python -m cxaxis.models.generate $(ARGS)
	@$(BIN)/python -m cxaxis.cell.reduce $(ARGS)

.PHONY: ledger
ledger: environment-test  ## judge every claim anew, slow checks included, and write the results
	@$(BIN)/python -m cxaxis.claims.generate $(ARGS)
	@$(BIN)/python -m cxaxis.report.ledger_docs docs $(ARGS)

.PHONY: pages
pages: environment-test  ## write the pages of mobilisation, grafts, outcomes, harm and replays anew (half an hour)
	@$(BIN)/python -m cxaxis.report.mobilisation_docs docs $(ARGS)
	@$(BIN)/python -m cxaxis.report.xenograft_docs docs $(ARGS)
	@$(BIN)/python -m cxaxis.report.outcomes_docs docs $(ARGS)
	@$(BIN)/python -m cxaxis.report.harm_docs docs $(ARGS)
	@$(BIN)/python -m cxaxis.report.replays_docs docs $(ARGS)

.PHONY: control-arms
control-arms: environment-test  ## fit the population to published control arms; needs the extra fit (an hour)
	@$(BIN)/python -m cxaxis.inference.outcome_fit runs/control_arms $(ARGS)
	@$(BIN)/python -m cxaxis.report.control_arms_docs docs

.PHONY: headline
headline: environment-test  ## hazard ratios of eight agents beside three backbones (half an hour)
	@$(BIN)/python -m cxaxis.report.headline_docs docs --run=runs/headline $(ARGS)

.PHONY: bench
bench: environment-test  ## run the benchmarks; benchmarks/README.md holds their results
	@$(BIN)/python benchmarks/cli_startup.py $(ARGS)
	@$(BIN)/python benchmarks/trial_run.py
	@$(BIN)/python -m benchmarks.engine --quick

.PHONY: lock
lock: environment-test  ## lock the dependencies anew; ARGS=--upgrade takes newer versions
	@PATH="$$PWD/$(BIN):$$PATH"; export PATH; command -v uv >/dev/null || { \
		echo 'cxaxis: locking needs uv: .venv/bin/python -m pip install uv' >&2; exit 1; }; \
	$(lock) --extra test --output-file requirements/test.txt >/dev/null && \
	$(lock) --constraint requirements/test.txt --output-file requirements/run.txt >/dev/null
	@$(BIN)/python tools/lock_freshness.py --stamp

.PHONY: clean-env
clean-env:  ## remove the environment
	rm -rf .venv
