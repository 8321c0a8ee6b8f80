##
## FFP8 verification environment. Each command prepares what it needs, exits non-zero on any
## failure and leaves build/<command>/summary.json.
##
##   make replay   stream a quantized CNN through the simulated array, compare every code
##                   MODEL=  an ONNX file or a known name    DATA=         images (.npz)
##                   IMAGES= how many                        CALIBRATION=  images (.npz)
##                   LAYERS= which                           ROWS= COLS=   size of the array
##                   TILE=   only a saved tile, with waves   ACCUMULATOR=exact|binary32
##                   SELECTION= formats of make accuracy     SHAPE=1,3,48,320 sizes left open
##   make accuracy FFP8 and the other 8-bit systems on real networks: table, pictures, formats
##                   MODEL= DATA= CALIBRATION= IMAGES= SHAPE=  FORMATS=splits, as in s?e[1-4]f?
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
##   make light    the nine networks that ONNX carries: tiles of their layers on the array
##   make vectors  golden vectors, JSON and $readmemh hex    SEED= DOTS=how many dot products
##   make lint     ruff, import directions, Icarus Verilog and Verilator, all silent
##   make setup    only prepare: virtual environment, simulator
##   make clean    remove build/, .venv/ and caches
##
##   replay, sim, test, soak: SIM=icarus|verilator, JOBS=processes     mutate, judges: JOBS=
##   all: BASE_PYTHON=python3 (makes the environment)  VENV=.venv (where it is)
##

VENV ?= .venv
BASE_PYTHON ?= python3
PYTHON := $(VENV)/bin/python

# $(call option,name,VARIABLE): `--name 'value'` where the user set VARIABLE, else nothing; the
# defaults live in Python alone.
option = $(if $($(2)),--$(1) '$($(2))')

# SEED, SIM and WAVES reach the tests by way of the environment: make exports what the user set.
results = build/$@/results.xml
summary = build/$@/summary.json
regression = $(strip $(call option,tests,TESTS) $(call option,jobs,JOBS) $(call option,limit,LIMIT))

.PHONY: help environment compiler networks setup replay accuracy sim test soak lint mutate \
  mutate-full checks cover cover-compare plan code-coverage bench judges light vectors clean

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

environment:
	@sh verif/commands/setup.sh '$(VENV)' '$(BASE_PYTHON)'

compiler:
	@sh verif/commands/setup.sh '$(VENV)' '$(BASE_PYTHON)' compiler

networks:
	@sh verif/commands/setup.sh '$(VENV)' '$(BASE_PYTHON)' networks

setup: environment
	@echo "Ready: $(PYTHON) and $$(command -v iverilog)."

replay: environment
	$(PYTHON) -m verif.replay $(strip $(call option,model,MODEL) $(call option,data,DATA) \
	  $(call option,calibration,CALIBRATION) $(call option,images,IMAGES) \
	  $(call option,layers,LAYERS) $(call option,sim,SIM) $(call option,rows,ROWS) \
	  $(call option,cols,COLS) $(call option,jobs,JOBS) $(call option,tile,TILE) \
	  $(call option,accumulator,ACCUMULATOR) $(call option,selection,SELECTION) \
	  $(call option,shape,SHAPE))

accuracy: networks
	$(PYTHON) -m verif.accuracy $(strip $(call option,model,MODEL) $(call option,data,DATA) \
	  $(call option,calibration,CALIBRATION) $(call option,images,IMAGES) \
	  $(call option,formats,FORMATS) $(call option,shape,SHAPE))

sim: environment
	$(PYTHON) -m verif.regression sim $(regression) $(if $(FAILED),--failed)

test: compiler lint
	$(PYTHON) -m verif.regression test $(regression) $(if $(FAILED),--failed)

soak: environment
	$(PYTHON) -m verif.regression soak $(regression) $(call option,minutes,MINUTES)

lint: environment
	$(PYTHON) -m verif.lint

mutate mutate-full: environment
	$(PYTHON) -m verif.mutation $(if $(filter mutate-full,$@),--full) $(if $(RETRY),--retry) $(strip \
	  $(call option,seed,SEED) $(call option,mutants,MUTANTS) $(call option,modules,MODULES) \
	  $(call option,people,PEOPLE) $(call option,jobs,JOBS) $(call option,document,DOCUMENT))

checks: environment
	$(PYTHON) -m verif.checks $(if $(LIST),--list) $(strip $(call option,only,ONLY) \
	  $(call option,sample,SAMPLE) $(call option,seed,SEED) $(call option,jobs,JOBS) \
	  $(call option,document,DOCUMENT))

cover: environment
	$(PYTHON) -m verif.coverage.cover $(call option,seed,SEED) $(call option,jobs,JOBS) \
	  $(call option,only,ONLY)

cover-compare: environment
	$(PYTHON) -m verif.coverage.compare $(call option,seeds,SEEDS) $(call option,jobs,JOBS) \
	  $(call option,only,ONLY) $(call option,document,DOCUMENT)

plan: environment
	$(PYTHON) -m verif.testplan

code-coverage: compiler
	$(PYTHON) -m verif.code_coverage $(call option,seed,SEED) $(call option,jobs,JOBS) \
	  $(call option,tests,TESTS)

bench: environment
	$(PYTHON) -m verif.bench $(call option,values,VALUES) $(call option,repeats,REPEATS) \
	  $(call option,only,ONLY)

judges: environment
	@rm -f $(results) $(summary)
	JUDGES=complete $(PYTHON) -m pytest tests/format/test_codec_judges.py -n $(or $(JOBS),auto) \
	  --junitxml=$(results) --summary $(summary)

light: environment
	@rm -f $(results) $(summary)
	LIGHT=complete $(PYTHON) -m pytest tests/light --durations=0 -o faulthandler_timeout=3600 \
	  --junitxml=$(results) --summary $(summary)

vectors: environment
	$(PYTHON) -m verif.vectors $(call option,seed,SEED) $(call option,dots,DOTS)

clean:
	rm -rf build dist .venv .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
