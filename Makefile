# fer-edge: `make` alone says what there is to do. Needs Python 3.11 to 3.13, git and make; everything else is fetched, checked
# against the hashes in requirements/, into .venv.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

export PYTHON
DATA ?= data/fer2013.csv
VOTES ?= data/fer2013new.csv
FACES ?= data/faces
CLIPS ?= data/clips
YUNET ?= data/face_detection_yunet_2023mar.onnx
RECIPE ?= first
RUN ?=
REFINER ?=
COMPARISON ?= runs/compare
OUT ?= $(RUN)/release
MODEL ?= $(if $(RUN),$(RUN)/model.keras,edge/models/model.tflite)
ARGS ?=

bin := .venv/bin
js := .venv-js/node_modules/.bin
# A file's tests share what they start, a browser or a small network; more than four processes only take memory.
parallel := -n logical --maxprocesses=4 --dist=loadfile
scripts := .ci/run $(wildcard deploy/debian/bin/* deploy/debian/control/p*) $(wildcard *.sh */*.sh */*/*.sh)
# A path as one word of the shell, whatever is in it, and whether it is there.
q = '$(subst ','\'',$(1))'
there = $(shell [[ -e $(call q,$(1)) ]] && echo yes)
# The default file may be absent; one that somebody named may not.
votes = $(if $(or $(filter-out file,$(origin VOTES)),$(call there,$(VOTES))),--votes $(call q,$(VOTES)))
.PHONY: help
help:  ## this page
	@awk 'BEGIN { FS = ":.*## " } \
	/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables\n'
	@printf '  %-9s %s\n' PYTHON 'the interpreter for .venv, 3.11 to 3.13 (found by itself)' \
	  DATA 'FER2013: csv, .gz, .xz or folder ($(DATA))' VOTES 'FER+ votes beside it ($(VOTES))' \
	  FACES 'portraits, noface and dev for the detector ($(FACES))' \
	  CLIPS 'folder of films of people, for make limits ($(CLIPS))' YUNET 'what fer-edge model fetch yunet brings ($(YUNET))' \
	  RECIPE 'what to train ($(RECIPE))' RUN 'a folder of make train, runs/...' OUT 'where the release goes (RUN/release)' \
	  REFINER 'a folder of make train-refiner, to be released with its detector in RUN' \
	  MODEL 'what to evaluate ($(MODEL))' \
	  ARGS 'further options of the command behind a target: make test ARGS="-k window"'

##@ See it
.PHONY: demo browser bench bench-stages bench-peers bench-growth fleet
demo: .venv/.demo  ## the whole product on this machine: webcam or clip, daemon, broker, picture and figures
	@$(bin)/fer-edge demo $(ARGS)

browser: .venv/.dev  ## the sensor as a page that runs in a browser, into dist/browser, and serve it on this machine
	@deploy/browser/make.sh dist/browser
	@$(bin)/python -m http.server --bind 127.0.0.1 --directory dist/browser 8000 $(ARGS)

bench: .venv/.demo  ## speed of each stage and memory of the daemon on this machine
	@$(bin)/fer-edge bench $(ARGS)

bench-stages: .venv/.dev  ## the stages of the films in CLIPS as bars: docs/pictures/stages.png
	@$(bin)/python -m benchmarks.stages $(wildcard $(CLIPS)/*.mp4 $(CLIPS)/*.gif) $(ARGS)

bench-peers: .venv/.dev build/peers/.done  ## the same on CLIPS beside what people use (7 GB of packages, 30 minutes)
	@$(bin)/python -m benchmarks.compare $(wildcard $(CLIPS)/*.mp4 $(CLIPS)/*.gif) --peers build/peers --yunet $(call q,$(YUNET)) $(ARGS)

bench-growth: .venv/.dev build/peers/.done  ## the same from 1 to 30 faces of FACES, of small to large frames: docs/pictures/growth.png
	@$(bin)/python -m benchmarks.growth --portraits $(call q,$(FACES)/portraits) --peers build/peers --yunet $(call q,$(YUNET)) $(ARGS)

build/peers/.done: requirements/peers.lock.txt
	@mkdir -p build && python3.11 -m venv --clear build/peers
	@build/peers/bin/pip install --quiet --require-hashes -r $<
	@touch $@

fleet: .venv/.dev  ## what one broker carries here: simulated fleets, a table as in docs/fleet.md (8 minutes)
	@$(bin)/python deploy/fleet/measure.py $(ARGS)

##@ Work on it
.PHONY: setup test test-bookworm test-other-python check cameras pictures home-assistant node-red faults clusters soak attacks limits fuzz mutants format lint types docs configuration schemas lock clean
setup: .venv/.dev  ## everything for work on it into .venv (TensorFlow too: 2.5 GB)
	@echo "ready: make test, make check, or . .venv/bin/activate"

test: .venv/.dev  ## all tests
	$(bin)/pytest $(parallel) $(ARGS)

test-bookworm: .venv-pi/.bookworm  ## the daemon's tests with the package versions of a Bookworm Pi
	.venv-pi/bin/pytest $(parallel) tests/edge $(ARGS)

# Without the dashboard page, which runs in the same browser whichever Python opens it.
test-other-python: .venv-other/.dev  ## the tests with Python 3.13 where .venv has another, and 3.11 where it has 3.13
	.venv-other/bin/pytest $(parallel) --ignore=tests/deploy/dashboard $(ARGS)

check: lint types docs test test-bookworm test-other-python  ## all that CI runs

pictures: .venv/.dev .venv-js/.tools  ## the screenshots of the documentation, made again by the tests that look at them
	FER_PICTURES=docs/pictures $(bin)/pytest tests/deploy -k 'page_look or watch_screen or fits_its_screen' $(ARGS)

faults: .venv/.dev build/brokers/usr build/vm/boot  ## break everything and write down what it costs, docs/faults.md (an hour)
	status=0; FER_FAULTS=docs/faults.json $(bin)/pytest tests/faults tests/edge tests/deploy \
	  -m '(faults or row) and not soak' $(ARGS) || status=$$?; \
	  $(bin)/python tests/faults/report.py; exit $$status

clusters: .venv/.dev build/brokers/usr  ## a fleet on three RabbitMQ and three NATS nodes, with nodes killed (5 minutes)
	$(bin)/pytest tests/deploy/test_cluster.py -m slow -s $(ARGS)

home-assistant: .venv/.dev build/home-assistant/made  ## a device in a real Home Assistant, and its pictures (needs root; 10 minutes at first)
	FER_PICTURES=docs/pictures $(bin)/pytest tests/deploy/test_home_assistant_real.py $(ARGS)

build/home-assistant/made: requirements/home-assistant.sh
	@requirements/home-assistant.sh

node-red: .venv/.dev build/node-red/node_modules  ## the flow in a real Node-RED, and its pictures
	FER_PICTURES=docs/pictures $(bin)/pytest tests/deploy/test_node_red.py $(ARGS)

build/node-red/node_modules: requirements/node-red.sh
	@requirements/node-red.sh
	@touch $@

build/brokers/usr: requirements/brokers.sh requirements/unpack.sh
	@requirements/brokers.sh
	@touch $@

# A kernel, with dm-log-writes for the power cut and cgroup v2 for the network filter; needs qemu-system-x86.
build/vm/boot: requirements/unpack.sh
	@requirements/unpack.sh bookworm $(CURDIR)/build/vm linux-image-amd64 busybox-static
	@touch $@

soak: .venv/.dev  ## half an hour under a dying broker, into docs/faults.md (make soak FER_SOAK_MINUTES=600: longer)
	status=0; FER_FAULTS=docs/faults.json nice -n 10 $(bin)/pytest tests/faults/test_soak.py -m soak || status=$$?; \
	  $(bin)/python tests/faults/report.py; exit $$status

cameras: .venv/.dev .venv-pi/.bookworm  ## every kind of camera at every rate for five minutes, into docs/cameras.md
	FER_CAMERA_S=$${FER_CAMERA_S:-300} FER_CAMERA_TABLE=docs/cameras.md $(bin)/pytest \
	  tests/edge/camera/test_endurance.py -m slow $(ARGS)

attacks: .venv/.dev  ## compute single people from what is published, docs/privacy.md (4 minutes)
	$(bin)/python -m tests.attacks.report

limits: have-data .venv/.dev  ## who counts as a person and which faces are read, docs/privacy.md (10 minutes)
	$(bin)/python -m tests.limits.still --clips $(call q,$(CLIPS)) --faces $(call q,$(FACES))
	$(bin)/python -m tests.limits.unreadable --data $(call q,$(DATA)) $(votes) --yunet $(call q,$(YUNET))

fuzz: .venv/.dev  ## hostile input for hours (make fuzz EXAMPLES=5000: shorter)
	$(bin)/pytest tests/fuzz --hypothesis-profile=long --timeout=0 $(ARGS)

mutants: .venv/.dev  ## change the code in every small way, count what no test notices, docs/mutants.md (10 minutes)
	rm -rf mutants
	$(bin)/mutmut run
	$(bin)/python -m tests.mutants

format: .venv/.dev .venv-js/.tools  ## format the code
	$(bin)/ruff format .
	$(bin)/ruff check --fix .
	$(js)/biome check --write --log-level=warn

lint: .venv/.dev .venv-js/.tools  ## style, direction of imports, shell scripts, spelling
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/lint-imports
	$(js)/biome check --error-on-warnings
	$(bin)/shellcheck $(scripts)
	$(bin)/codespell

types: .venv/.dev .venv-js/.tools  ## mypy, strict, of the code and the tests; tsc of the pages' scripts
	$(bin)/mypy
	$(js)/tsc
	$(js)/tsc -p edge/commands/preview
	$(js)/tsc -p deploy/browser

docs: .venv/.dev  ## the documentation as a site, build/site; a link that leads nowhere is an error
	@$(bin)/python docs/make_site.py

configuration: .venv/.dev  ## docs/configuration.md from edge/config.py and deploy/fer-edge.toml
	$(bin)/python docs/make_configuration.py

schemas: .venv/.dev  ## docs/schemas and docs/asyncapi.json from the records in edge/mqtt
	$(bin)/python docs/make_schemas.py

lock:  ## resolve pyproject.toml into requirements/*.lock.txt again (UPGRADE=1: newest versions)
	@requirements/lock.sh

clean:  ## remove what make made; runs/ and data/ stay
	rm -rf .venv .venv-js .venv-other .venv-pi build dist mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find edge train quantize tests deploy -name __pycache__ -prune -exec rm -rf {} +

##@ Make a model
.PHONY: train train-detector train-refiner evaluate report compare ablate quantize quantize-detector have-data have-run
train: have-data .venv/.dev  ## train RECIPE, after its teachers, on DATA and VOTES into runs/ (ARGS=--resume goes on)
	$(bin)/fer-train fit --recipe $(RECIPE) --data $(call q,$(DATA)) $(votes) $(ARGS)

train-detector: .venv/.dev  ## train the face detector on the photographs of FACES, and DATA if it is there, into runs/
	$(bin)/fer-train detector fit --faces $(call q,$(FACES)) $(if $(call there,$(DATA)),--data $(call q,$(DATA)) $(votes)) $(ARGS)

train-refiner: have-run .venv/.dev  ## train the second network for the face detector in RUN, see docs/detector.md
	$(bin)/fer-train detector refiner $(call q,$(RUN)) --faces $(call q,$(FACES)) $(if $(call there,$(DATA)),--data $(call q,$(DATA)) $(votes)) $(ARGS)

evaluate: have-data .venv/.dev  ## measure MODEL (or RUN's) on PublicTest of DATA
	$(bin)/fer-train evaluate $(call q,$(MODEL)) --data $(call q,$(DATA)) $(votes) --split PublicTest $(ARGS)

report: have-run have-data .venv/.dev  ## a page on MODEL in RUN/report: curves, confusion, calibration, mistakes, degraded images
	$(bin)/fer-train report $(call q,$(RUN)) --model $(call q,$(MODEL)) --data $(call q,$(DATA)) $(votes) $(ARGS)

compare: have-data .venv/.dev  ## a page on CNN, MobileNetV2, ResNet50 and VGG on 7, 5 and 4 emotions: make compare ARGS="--epochs 5"
	$(bin)/fer-train compare --out $(call q,$(COMPARISON)) --data $(call q,$(DATA)) $(votes) $(ARGS)
	$(bin)/fer-quantize time $(call q,$(COMPARISON))

ablate: have-data .venv/.dev  ## what each ingredient of RECIPE gives: make ablate RECIPE=first ARGS="--epochs 10"
	$(bin)/fer-train ablate --recipe $(RECIPE) --data $(call q,$(DATA)) $(votes) $(ARGS)

quantize: have-run have-data .venv/.dev .venv-pi/.bookworm  ## RUN's float model to an int8 release, verified in both runtimes
	$(bin)/fer-quantize release $(call q,$(RUN)) --out $(call q,$(OUT)) --data $(call q,$(DATA)) $(votes) --python .venv-pi/bin/python $(ARGS)

quantize-detector: have-run have-data .venv/.dev .venv-pi/.bookworm  ## the same for a face detector of make train-detector, and its REFINER
	$(bin)/fer-quantize detector $(call q,$(RUN)) $(if $(REFINER),--refiner $(call q,$(REFINER))) --out $(call q,$(OUT)) --faces $(call q,$(FACES)) --data $(call q,$(DATA)) --python .venv-pi/bin/python $(ARGS)

have-data:
	@[[ -e $(call q,$(DATA)) ]] || { printf 'DATA=%s is absent; name a data set of fer-train import, or FER2013 (csv, .gz, .xz, an archive or a folder): make $(MAKECMDGOALS) DATA=... VOTES=...\n' $(call q,$(DATA)) >&2; exit 1; }

have-run:
	@[[ -f $(call q,$(RUN)/model.keras) ]] || { printf 'RUN=%s holds no model.keras; name a folder of make train: make $(MAKECMDGOALS) RUN=runs/...\n' $(call q,$(RUN)) >&2; exit 1; }

##@ Bring it to a Pi
.PHONY: deb acceptance
deb: .venv/.demo  ## Debian packages for Bookworm and Trixie, arm64 and amd64, into dist/ (KEY=release.key signs their checksums)
	@$(bin)/python -m deploy.debian.build $(if $(KEY),--key $(KEY)) $(ARGS)

acceptance: .venv/.dev build/vm/boot  ## install, upgrade, roll back, remove and purge in Debian roots with a real systemd (needs root)
	nice $(bin)/pytest tests/acceptance -m acceptance -s --timeout=0 $(ARGS)

.venv/.demo: requirements/demo.lock.txt pyproject.toml
	@requirements/venv.sh .venv demo
	@touch $@

# Holds the demo's packages too, in the same versions.
.venv/.dev: requirements/dev.lock.txt pyproject.toml
	@requirements/venv.sh .venv dev
	@touch .venv/.demo $@

.venv-pi/.bookworm: requirements/bookworm.lock.txt pyproject.toml
	@requirements/venv.sh .venv-pi bookworm
	@touch $@

# OTHER_PYTHON names the interpreter where requirements/python.sh finds none.
.venv-other/.dev: .venv/.dev requirements/python.sh
	@version=$$($(bin)/python -c 'import sys; print("3.11" if sys.version_info >= (3, 13) else "3.13")'); \
	  python=$(OTHER_PYTHON); python=$${python:-$$(requirements/python.sh $$version)}; \
	  PYTHON=$$python requirements/venv.sh .venv-other dev
	@touch $@

# The package manager writes node_modules beside the package.json; the folder of the page is copied to brokers as it is.
.venv-js/.tools: deploy/dashboard/package.json deploy/dashboard/package-lock.json
	@command -v npm >/dev/null || { echo "npm is absent, which brings the tools for JavaScript: apt install npm" >&2; exit 1; }
	@mkdir -p .venv-js && cp $^ .venv-js
	@npm ci --prefix .venv-js --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
