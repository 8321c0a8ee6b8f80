##
## FFP8 verification environment. Each command prepares what it needs, exits non-zero on any
## failure and leaves build/<command>/summary.json.
##
##   make replay   stream a quantized CNN through the simulated array, compare every code
##                   MODEL=  an ONNX file or a known name    DATA=         images (.npz)
##                   IMAGES= how many, or all                CALIBRATION=  images (.npz)
##                   LAYERS= which                           ROWS= COLS=   size of the array
##                   EXP_MAX= K_MAX= of the engine           ACCUMULATOR=exact|binary32
##                   TILE=   only a saved tile, with waves   FRESH=1  what is kept, too
##                   SCHEDULER=tcp://... of a Dask cluster
##                   SELECTION= formats of make accuracy     SHAPE=1,3,48,320 sizes left open
##   make layers   a network's layers, and what the array will do with each: shapes, MACs, tiles
##                   MODEL= LAYERS= SHAPE=                   ROWS= COLS=
##   make accuracy FFP8 and the other 8-bit systems on real networks: table, pictures, formats
##                   MODEL= DATA= CALIBRATION= IMAGES= SHAPE=  FORMATS=splits, as in s?e[1-4]f?  NEAREST=0
##                   CURVE=1 with fewer calibration images   DOCUMENT=folder for tables and picture
##   make sim      the simulator regression                  SEED= TESTS=pattern WAVES=1
##                   FAILED=1 what failed or was cut short   LIMIT=seconds a test may take
##   make test     what a change must pass: lint, then all tests (same variables)
##   make soak     random simulations under new seeds        MINUTES= SEED= TESTS= LIMIT=
##   make mutate   break the design on purpose: each mutant must make a bench fail, or be proven
##                   equivalent; a sample, or mutate-full: 1,100 mutants, taken up where it stopped
##                   SEED= MUTANTS= PEOPLE=of each kind that people make
##                   MODULES=decode,encode                   DOCUMENT=file for the report
##                   RETRY=1 judge kept survivors once more
##   make checks   take out each check of the benches: its guards have to fail then
##                   ONLY=pattern SAMPLE=how many SEED= JOBS=  LIST=1 only lists them, and asserts
##                                                           DOCUMENT=file for the table
##   make cover    close the functional coverage from scratch             SEED= JOBS= ONLY=pattern
##   make cover-compare  the loop against plain random, five seeds        SEEDS= JOBS= ONLY=pattern
##                                                           DOCUMENT=folder for the report
##   make plan     the test plan, checked and joined with the last results
##   make code-coverage  lines, branches and toggles that the benches pass    SEED= JOBS= TESTS=part
##   make bench    speed of the model against ml_dtypes, gfloat and numpy, as ratios
##                   VALUES= how many                        REPEATS= ONLY=part of a case's name
##   make judges   the codec before gfloat, ml_dtypes and rationals, a million values a split
##   make runs     every command disturbed: two at once, killed, on full and read-only disks   JOBS=
##   make malformed  malformed files and options, by make: each must be refused in one sentence JOBS=
##   make light    the nine networks that ONNX carries: tiles of their layers on the array
##   make vectors  golden vectors, JSON and $readmemh hex    SEED= DOTS=how many dot products
##   make lint     ruff, import directions, Icarus Verilog and Verilator, all silent
##   make setup    only prepare: virtual environment, simulator
##   make clean    remove build/, .venv/ and caches, unless a command is at work there
##
##   replay, sim, test, soak: SIM=icarus|verilator, JOBS=processes     mutate, judges: JOBS=
##   all: RUN=name (results go to build/<command>-name: for a second run at the same time)
##        BUILD=folder (instead of build)     HDL=folder (instead of hdl)
##        BASE_PYTHON=python3 (makes the environment)  VENV=.venv (where it is)
##

# Variables reach Python and the shell through the environment, letter by letter: what a user sets
# is never expanded by make, nor read by a shell. Their defaults live in Python alone.
$(foreach name,$(.VARIABLES),$(if $(filter command line environment,$(origin $(name))),\
  $(if $(filter-out MAKE% MFLAGS SHELL,$(name)),$(eval override export $(name) := $$(value $(name))))))
# With it, each of hundreds of simulators would compile the benches anew.
unexport PYTHONDONTWRITEBYTECODE
VENV ?= .venv
BASE_PYTHON ?= python3
export VENV BASE_PYTHON
SETUP = @sh verif/commands/setup.sh
PYTHON = @"$$VENV/bin/python"

.PHONY: help environment compiler networks workload setup replay layers accuracy sim test soak \
  lint mutate mutate-full checks cover cover-compare plan code-coverage bench judges malformed runs \
  light vectors clean

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

environment:
	$(SETUP)

compiler networks workload:
	$(SETUP) $@

setup: environment
	@echo "Ready: $$VENV/bin/python and $$(command -v iverilog)."

sim soak lint mutate checks cover cover-compare plan bench judges malformed light \
vectors: environment
	$(PYTHON) -m verif $@

replay layers: workload
	$(PYTHON) -m verif $@

mutate-full: environment
	$(PYTHON) -m verif mutate --full

accuracy: networks
	$(PYTHON) -m verif $@

test:
	$(SETUP) compiler cluster
	$(PYTHON) -m verif $@ --lint

code-coverage: compiler
	$(PYTHON) -m verif $@

runs:
	$(SETUP) networks compiler cluster
	$(PYTHON) -m verif $@

clean:
	@sh verif/commands/clean.sh
