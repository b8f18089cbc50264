# Everything `make` builds lies in build/ and .venv/; a second run of any target does no work twice.
# Options: PYTHON=python3.12  JOBS=4  MPY_DIR=/a/micropython/source  TORCH_ARGS="--index-url ..." (a CPU build)

PYTHON ?= python3
JOBS ?= $(shell nproc)
ROOT := $(CURDIR)
BUILD := build
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
# Every core takes files of tests.
PYTEST := $(PY) -m pytest -n $(JOBS) --dist loadfile
MPY := $(BUILD)/micropython
MPY_CROSS := $(MPY)/mpy-cross/build/mpy-cross
# MicroPython's build tools are Python programs that need what is in .venv.
MPY_MAKE := PATH="$(ROOT)/$(VENV)/bin:$$PATH" MICROPY_GIT_TAG=v1.26.1 MICROPY_GIT_HASH=upedal $(MAKE) --no-print-directory -j$(JOBS)

MODULES := pedal_nn pedal_fx
ARCHS := x64 armv6m armv7m armv7emsp armv7emdp rv32imc
XTENSA := $(shell command -v xtensa-esp32-elf-gcc)
ARCHS += $(if $(XTENSA),xtensawin)
BOARDS := emu_m0 emu_m3 emu_m4 emu_m7 emu_m33 emu_m55 emu_rv32
USER_BOARDS := emu_m7 emu_m55

CORE := $(wildcard native_modules/core/* native_modules/bindings/*.[ch] native_modules/flags.mk)
NATMODS := $(foreach a,$(ARCHS),$(foreach m,$(MODULES),$(BUILD)/natmod/$a/$m.mpy))
FIRMWARE := $(BOARDS:%=$(BUILD)/firmware/%/firmware.elf) $(USER_BOARDS:%=$(BUILD)/firmware/%-user/firmware.elf)
UNIX := $(BUILD)/unix/micropython $(BUILD)/unix-user/micropython

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.PHONY: system-quick system-full force help setup demo test test-quick natmod firmware unix bench baseline identity power-cut soak size fuzz wheel lint bench-training knob-study clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

PLUGIN := $(BUILD)/plugin/libupcount.so

setup: $(VENV)/.full $(VENV)/.extension natmod unix firmware $(PLUGIN) ## Install and build all that is needed (system packages by apt where missing)
	@$(PY) -c "import sys; from upedal.doctor import run; sys.exit(run(brief=True))"

demo: setup ## First sound: synthesise, train, simulate, play on an emulated pedal
	$(VENV)/bin/upedal demo

test: setup ## All tests, the emulated boards included; a missing tool is a failure
	UPEDAL_REQUIRE_TOOLCHAIN=1 $(PYTEST)

test-quick: $(VENV)/.quick $(VENV)/.extension ## Tests that need only Python and a C compiler
	$(PYTEST) -m "not toolchain"

natmod: $(NATMODS) ## Native modules for stock MicroPython firmware, per architecture
	@$(if $(XTENSA),,echo "xtensawin (ESP32, ESP32-S3): skipped, no xtensa-esp32-elf-gcc in PATH")

firmware: $(FIRMWARE) ## MicroPython for the emulated boards

unix: $(UNIX) ## MicroPython for this machine

bench: setup ## Instructions a sample on the emulated boards, to build/bench.json
	$(VENV)/bin/upedal bench --json $(BUILD)/bench.json

baseline: setup ## Accept today's instruction counts: writes tests/bench/baseline.json, which a test holds them to
	$(VENV)/bin/upedal bench --baseline

knob-study: $(VENV)/.full $(VENV)/.extension ## One model of an overdrive's two knobs, judged at settings it never heard, to build/knob_study.json (20 minutes)
	$(PY) tools/knob_study.py -o $(BUILD)/knob_study.json

bench-training: $(VENV)/.full $(VENV)/.extension ## Training speed with PyTorch's own nets and with ours, to build/bench_training.json (minutes)
	$(PY) tools/bench_training.py --search --json $(BUILD)/bench_training.json

identity: setup ## Ten seconds of each integer model on every emulated board: the same hash (minutes)
	$(PY) -m tests.identity

power-cut: setup ## Power cut at random bytes while deploying and saving, then booted again (minutes)
	$(PY) -m tests.power_cut

soak: setup ## A whole pedal for ten minutes under all that can happen at once, to build/soak.json (20 minutes and more)
	$(VENV)/bin/upedal soak --json $(BUILD)/soak.json

size: setup ## Text, data and arena per architecture
	$(PY) tools/size.py

fuzz: $(VENV)/.quick $(VENV)/.extension ## Damaged model files against the reader, under ASan and UBSan
	$(PYTEST) tests/fuzz

wheel: $(VENV)/.extension natmod ## A wheel with the native modules inside, in dist/
	$(PY) tools/make_wheel.py dist

lint: $(VENV)/.quick ## Ruff over the Python code
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

clean: ## Remove what was built, but not MicroPython's source and .venv
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name micropython -exec rm -rf {} + 2>/dev/null || true
	rm -rf dist host/upedal/*.so $(VENV)/.extension

distclean: ## Remove all that make made
	rm -rf $(BUILD) $(VENV) dist host/upedal/*.so host/*.egg-info

# ---- this machine: system packages, Python ----

# A check of a tenth of a second each time, so that what has been removed since is brought back.
system-quick system-full: system-%:
	@mkdir -p $(BUILD)
	@PYTHON=$(PYTHON) tools/system_packages.sh $*

$(PY): | system-quick
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip "setuptools>=77" wheel

# The package's own dependencies, without the package: its extension has a rule of its own.
$(VENV)/.quick: pyproject.toml tools/dependencies.py | $(PY)
	$(PIP) install --upgrade "setuptools>=77" wheel
	$(PY) tools/dependencies.py dev | xargs -d '\n' $(PIP) install
	@touch $@

$(VENV)/.full: $(VENV)/.quick | system-full
	$(PIP) install $(TORCH_ARGS) "torch==2.13.0" || $(PIP) install $(TORCH_ARGS) "torch>=2.4"
	$(PY) tools/dependencies.py train dev sweep search | xargs -d '\n' $(PIP) install
	@touch $@

# setuptools does not see a change inside a header, so the old extension goes first.
$(VENV)/.extension: $(CORE) $(wildcard native_modules/train/*) $(VENV)/.quick $(if $(wildcard host/upedal/_native.*.so),,force)
	rm -f host/upedal/*.so
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# ---- MicroPython ----

$(MPY)/.complete: tools/get_micropython.sh | system-full
	tools/get_micropython.sh $(MPY)

$(MPY_CROSS): $(MPY)/.complete | $(VENV)/.quick
	@echo "mpy-cross"
	@$(MPY_MAKE) -C $(MPY)/mpy-cross > $(BUILD)/mpy-cross.log 2>&1 || { tail -20 $(BUILD)/mpy-cross.log; exit 1; }
	@touch $@

# $(call quietly,what,make arguments,log): one line when all is well, the end of the log when not
quietly = echo "$1"; $(MPY_MAKE) $2 > $3 2>&1 || { tail -25 $3; echo "$1: failed; the whole log is in $3"; exit 1; }

# A rule runs where something changed. MicroPython's own make does not notice changed flags or board
# definitions, so what may depend on them is built anew: our modules, or the whole where a board changed.
renew = rm -rf $(if $(filter device/firmware/%,$?),$(@D),$(@D)/native_modules $@)

UNIX_ARGS := -C $(MPY)/ports/unix MICROPY_PY_SSL=0 MICROPY_SSL_AXTLS=0 MICROPY_SSL_MBEDTLS=0 MICROPY_PY_BTREE=0 FROZEN_MANIFEST=
USER_ARGS := USER_C_MODULES=$(ROOT)

$(BUILD)/unix/micropython: $(MPY_CROSS)
	@$(call quietly,unix port,$(UNIX_ARGS) BUILD=$(ROOT)/$(@D),$(BUILD)/unix.log)
	@touch $@

$(BUILD)/unix-user/micropython: $(MPY_CROSS) $(CORE) native_modules/micropython.mk
	@$(renew)
	@$(call quietly,unix port with user modules,$(UNIX_ARGS) $(USER_ARGS) BUILD=$(ROOT)/$(@D),$(BUILD)/unix-user.log)
	@touch $@

# ---- native modules ----

define natmod_rule
$(BUILD)/natmod/$1/$2.mpy: $(CORE) native_modules/natmod/Makefile $(MPY_CROSS)
	@rm -rf $(BUILD)/natmod-obj/$1/$2 && mkdir -p $$(@D) $(BUILD)/natmod-obj/$1
	@$$(call quietly,$2.mpy for $1,-C native_modules/natmod MOD=$2 ARCH=$1 MPY_DIR=$(ROOT)/$(MPY) \
	    BUILD=$(ROOT)/$(BUILD)/natmod-obj/$1/$2 OUT=$(ROOT)/$$(@D) $(ROOT)/$$@,$(BUILD)/natmod-obj/$1/$2.log)
endef
$(foreach a,$(ARCHS),$(foreach m,$(MODULES),$(eval $(call natmod_rule,$a,$m))))

# ---- the instruction counter ----

$(PLUGIN): tools/plugin/upcount.c
	@mkdir -p $(@D)
	gcc -std=c11 -O2 -Wall -fPIC -shared -fvisibility=hidden -o $@ $<

# ---- firmware of the emulated boards ----

upper = $(shell echo $1 | tr a-z A-Z)
board_args = -C $(MPY)/ports/qemu BOARD=$(call upper,$1) BOARD_DIR=$(ROOT)/device/firmware/$(call upper,$1) BUILD=$(ROOT)/$(@D)
FIRMWARE_COMMON := $(wildcard device/firmware/common/*)

$(BOARDS:%=$(BUILD)/firmware/%/firmware.elf): $(BUILD)/firmware/%/firmware.elf: $(MPY_CROSS) $(FIRMWARE_COMMON) $$(wildcard device/firmware/$$(call upper,$$*)/*)
	@$(renew); mkdir -p $(@D)
	@$(call quietly,firmware of $*,$(call board_args,$*),$(BUILD)/firmware/$*.log)
	@touch $@

$(USER_BOARDS:%=$(BUILD)/firmware/%-user/firmware.elf): $(BUILD)/firmware/%-user/firmware.elf: $(MPY_CROSS) $(FIRMWARE_COMMON) $$(wildcard device/firmware/$$(call upper,$$*)/*) $(CORE) native_modules/micropython.mk
	@$(renew); mkdir -p $(@D)
	@$(call quietly,firmware of $* with user modules,$(call board_args,$*) $(USER_ARGS),$(BUILD)/firmware/$*-user.log)
	@touch $@
