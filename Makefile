# `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run test fmt clippy doc unit no-std corpus matrix smoltcp conformance board explore faults load drip pressure \
  strace deadlines frames observers million million-sim bench bench-check bench-accept inject fuzz miri mutants cross size size-accept hammer

CARGO ?= cargo
RUSTC ?= rustc
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BACKEND ?=
SEED ?=
ARGS ?=
REPEAT ?=
FORMAT ?=
JOBS ?=
PORT ?= 7007
CONNECTIONS ?= 1000000
DEPTH ?= 4
DARING ?= 2
DRAW ?=
DRIP ?= 10
PRESSURE ?= 30
HAMMER ?= 60
SECONDS_OF_FAULTS ?= 20
FUZZ_TIME ?= 30
FUZZ_TARGETS ?= addresses buffer deadlines framing rules scenarios turns
TARGETS ?= s390x-unknown-linux-gnu armv7-unknown-linux-gnueabihf
BOARD := thumbv7m-none-eabi
# For which there is no system: with compare-and-swap, and without.
BARE ?= $(BOARD) riscv32imc-unknown-none-elf
PACKAGE ?= stheno-core stheno-select stheno-poll stheno-epoll

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve a site that shows the loop at work, live (PORT=7007)
	$(CARGO) run --example http_server -- --port $(PORT)

test: fmt clippy doc no-std unit corpus matrix ## everything that must hold before a change lands

fmt: ## check the format
	$(CARGO) fmt --all --check
	for package in benches/rivals fuzz examples/cortex_m3 examples/footprint examples/no_libc examples/smoltcp; do \
	  $(CARGO) fmt --manifest-path $$package/Cargo.toml --check || exit 1; \
	done

clippy: ## lint everything, with warnings as errors
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --target-dir $(TARGET_DIR) --all-targets -- -D warnings
	cd examples/no_libc && $(CARGO) clippy --target x86_64-unknown-linux-gnu -- -D warnings
	@if test -d "$$($(RUSTC) --print target-libdir --target $(BOARD))"; then \
	  cd examples/footprint && $(CARGO) clippy -- -D warnings; \
	else echo 'skipped: examples/footprint is not linted, for want of $(BOARD) (rustup target add $(BOARD))'; fi

doc: ## build the documentation, with warnings as errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features

# Each package alone: Cargo unifies features over a workspace, which would hide a use of std or of the heap.
no-std: ## check each package alone, without std and with each feature by itself
	test "$$($(CARGO) tree --package stheno-core --edges normal | wc -l)" -eq 1
	for package in stheno-core stheno-select stheno-poll stheno-epoll; do \
	  $(CARGO) clippy --package $$package --no-default-features -- -D warnings || exit 1; \
	done
	for features in "" alloc; do \
	  $(CARGO) clippy --package stheno-conformance --no-default-features --features "$$features" -- -D warnings || exit 1; \
	done
	for feature in alloc counters heapless bitflags log embedded-io defmt log,defmt words; do \
	  $(CARGO) clippy --package stheno-core --no-default-features --features $$feature -- -D warnings || exit 1; \
	done
	for features in select poll epoll select,alloc poll,alloc epoll,alloc select,poll,epoll,alloc poll,std poll,signals epoll,credentials; do \
	  $(CARGO) clippy --package stheno --no-default-features --features $$features -- -D warnings || exit 1; \
	done
	$(CARGO) check --package stheno --no-default-features 2>&1 | grep --quiet 'stheno needs a backend that this target has'
	@for target in $(BARE); do \
	  if ! test -d "$$($(RUSTC) --print target-libdir --target $$target)"; then \
	    echo "skipped: nothing is compiled for $$target, which is not installed (rustup target add $$target)"; continue; \
	  fi; \
	  $(CARGO) clippy --target $$target --package stheno-core --no-default-features -- -D warnings || exit 1; \
	  for features in "" alloc; do \
	    $(CARGO) clippy --target $$target --package stheno-conformance --no-default-features --features "$$features" -- -D warnings || exit 1; \
	  done; \
	  $(CARGO) clippy --target $$target --manifest-path examples/smoltcp/Cargo.toml --target-dir $(TARGET_DIR) -- -D warnings || exit 1; \
	done

unit: ## unit tests, documentation tests, and the examples with real clients
	$(CARGO) test --workspace --all-features
	$(CARGO) test --package stheno-epoll --features alloc # without linux_5_11, which is a wait of its own
	$(CARGO) test --package stheno-core --no-default-features --lib # without words, which errors have else

corpus: ## the inputs that fuzzing has kept, played once each (any toolchain)
	$(CARGO) test --manifest-path fuzz/Cargo.toml --target-dir $(TARGET_DIR) --test corpus -- --nocapture

smoltcp: ## the suite on a network of another's: smoltcp, over its loopback device
	$(CARGO) clippy --manifest-path examples/smoltcp/Cargo.toml --target-dir $(TARGET_DIR) --all-targets -- -D warnings
	$(CARGO) test --manifest-path examples/smoltcp/Cargo.toml --target-dir $(TARGET_DIR)

# What the unit tests have built, with every feature; `conformance` builds what a user gets.
matrix: unit
	@$(TARGET_DIR)/debug/stheno-conformance

conformance: ## scenarios and contract cases on every backend (BACKEND=poll SEED=7 REPEAT=3 FORMAT=json JOBS=4)
	@$(CARGO) run --quiet --package stheno-conformance -- $(foreach backend,$(BACKEND),--backend $(backend)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(REPEAT),--repeat $(REPEAT)) $(if $(FORMAT),--format $(FORMAT)) \
	  $(if $(JOBS),--jobs $(JOBS))

BOARD_BUILD = $(CARGO) build --quiet --release --manifest-path examples/cortex_m3/Cargo.toml --target-dir $(TARGET_DIR)

# What has no heap is built by itself: Cargo unifies features over a build.
board: ## stories, parts and a server on an emulated microcontroller, with flash and RAM (needs qemu-system-arm)
	@$(CARGO) clippy --quiet --manifest-path examples/cortex_m3/Cargo.toml --target-dir $(TARGET_DIR) --all-targets --features host -- -D warnings
	@qemu-system-arm --version >/dev/null 2>&1 || \
	  { echo 'make board needs qemu-system-arm (a package of that name, on Debian)' >&2; exit 1; }
	@test -d "$$($(RUSTC) --print target-libdir --target $(BOARD))" || \
	  { echo 'make board needs rustup target add $(BOARD)' >&2; exit 1; }
	@$(BOARD_BUILD) --target $(BOARD) --bin parts --bin network
	@$(BOARD_BUILD) --target $(BOARD) --bin stories --features stories
	@$(BOARD_BUILD) --bin board --features host
	@$(TARGET_DIR)/release/board $(TARGET_DIR)/$(BOARD)/release

explore: ## every state of one channel, and every history of several (DEPTH=4 events, DARING=2 departures)
	DEPTH=$(DEPTH) DARING=$(DARING) $(CARGO) test --package stheno-core --test explore -- --nocapture --test-threads 1

faults: ## every call of three sessions fails in turn, then pairs at random (SECONDS_OF_FAULTS=20 SEED=7)
	FAULT_SECONDS=$(SECONDS_OF_FAULTS) $(if $(SEED),STHENO_SEED=$(SEED)) \
	  $(CARGO) test --release --package stheno-conformance --test fault_plans -- --nocapture --test-threads 1

load: ## ten thousand clients at once, on every backend, every byte checked
	$(CARGO) build --release --example echo
	$(CARGO) test --release --test load -- --nocapture

drip: ## a thousand clients that send a byte a second, cut off after DRIP=10 seconds, and others meanwhile
	DRIP=$(DRIP) $(CARGO) test --test http_server drip -- --nocapture

strace: ## the system calls of a turn with 10,000 idle channels (needs strace)
	$(CARGO) build --release --example echo
	$(CARGO) test --release --test system_calls -- --nocapture

pressure: ## the proxy between a fast sender and a reader of 1 KB/s, for PRESSURE=30 seconds on each backend
	PRESSURE_SECONDS=$(PRESSURE) $(CARGO) test --test programs_proxy a_fast_sender -- --nocapture

hammer: ## sixteen clients that come and go at random for HAMMER=60 seconds at each server without libc
	HAMMER_SECONDS=$(HAMMER) $(CARGO) test --test no_libc storm -- --nocapture

size: ## what the programs without libc, and parts on a Cortex-M3, take; fails where one has grown by more than 2 %
	@$(CARGO) test --quiet --test size -- --nocapture

size-accept: ## the same, and the table in examples/footprint/sizes.md is written anew
	@SIZE_ACCEPT=1 $(CARGO) test --quiet --test size -- --nocapture

# Valgrind hides the system's clock page, which rustix looks for unless it stands on libc.
deadlines: ## what an idle timeout costs that moves at each message (needs valgrind and strace)
	$(CARGO) bench --quiet --features rustix/use-libc --bench idle_timeout

frames: ## what it costs to find where frames end, for friendly input and for hard one
	$(CARGO) bench --quiet --bench framing

observers: ## what it costs to look on at an echo, and what it costs that one can (needs valgrind)
	$(CARGO) bench --quiet --bench observers

million: ## as many connections as the machine allows: what stops it, memory, time of a request (CONNECTIONS=1000000)
	$(CARGO) build --release --example echo
	$(CARGO) bench --quiet --bench connections -- --connections $(CONNECTIONS)

million-sim: ## a million channels on a network in memory: instructions, bytes and time of each (needs valgrind)
	$(CARGO) bench --quiet --bench million

RIVALS = --manifest-path benches/rivals/Cargo.toml --target-dir $(TARGET_DIR)

bench: ## an echo, idle connections and a ring, beside bare loops, mio, polling, calloop and tokio (DRAW=docs; ARGS=--help)
	@$(CARGO) run --quiet --release $(RIVALS) --bin bench -- $(if $(DRAW),--draw $(DRAW)) $(ARGS)

bench-check: ## instructions of parts and servers beside benches/rivals/instructions.md; fails at 3 % more (needs valgrind)
	$(CARGO) clippy --quiet --release $(RIVALS) --all-targets --features parts -- -D warnings
	$(CARGO) test --quiet --release $(RIVALS) --features parts
	@$(CARGO) run --quiet --release $(RIVALS) --bin bench -- --check

bench-accept: ## the same, and the table is written anew
	@$(CARGO) run --quiet --release $(RIVALS) --bin bench -- --accept

inject: ## whole sessions in which each system call fails in turn (needs strace; PLANS=200 SEED=1 for a sample)
	$(CARGO) test --test inject -- --nocapture

# What is found on the way is kept under target/: `fuzz/README.md` says how it gets into the repository.
fuzz: ## run every fuzz target for FUZZ_TIME=30 seconds (needs nightly and cargo-fuzz)
	@$(CARGO) +nightly --version >/dev/null 2>&1 || \
	  { echo 'make fuzz needs the nightly toolchain: rustup toolchain install nightly' >&2; exit 1; }
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || \
	  { echo 'make fuzz needs cargo-fuzz (and a C++ compiler): cargo install cargo-fuzz' >&2; exit 1; }
	$(CARGO) +nightly fuzz build --sanitizer none
	@failed=0; summary=; for target in $(FUZZ_TARGETS); do \
	  found=$(TARGET_DIR)/fuzz-corpus/$$target; log=$(TARGET_DIR)/fuzz-$$target.log; mkdir -p $$found; \
	  echo "$$target, for $(FUZZ_TIME) seconds …"; \
	  $(CARGO) +nightly fuzz run --sanitizer none $$target $$found fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_TIME) -max_len=400 -print_final_stats=1 >$$log 2>&1; status=$$?; \
	  runs=$$(sed -n 's/^stat::number_of_executed_units: *//p' $$log); \
	  if [ $$status -eq 0 ]; then verdict=good; else verdict="FAILED, see $$log"; failed=1; fi; \
	  summary="$$summary$$(printf '%-12s %12s executions  %s' $$target "$${runs:-0}" "$$verdict")\n"; \
	done; printf "$$summary"; exit $$failed

# A crate more is a line more.
miri: ## the tests of the core and of the simulated network, interpreted: undefined behaviour shows (needs nightly with miri)
	@$(CARGO) +nightly miri --version >/dev/null 2>&1 || \
	  { echo 'make miri needs rustup component add miri rust-src --toolchain nightly' >&2; exit 1; }
	@mkdir -p $(TARGET_DIR); : >$(TARGET_DIR)/miri.log; began=$$(date +%s); \
	interpret() { $(CARGO) +nightly miri test "$$@" >>$(TARGET_DIR)/miri.log 2>&1 || { tail -n 60 $(TARGET_DIR)/miri.log; exit 1; }; }; \
	interpret --package stheno-core --all-features; \
	interpret --package stheno-conformance --no-default-features --features alloc \
	  --test sim_states --test sim_limits --test sim_clauses --test sim_loop --test sim_weather; \
	awk -v seconds=$$(($$(date +%s) - began)) '/^test result: ok/ { passed += $$4 } \
	  END { if (passed == 0) exit 1; printf "%d tests interpreted, none failed, %d seconds\n", passed, seconds }' $(TARGET_DIR)/miri.log

cross: ## the tests and the suite on a big-endian processor and on a 32-bit one (needs qemu-user and cross compilers)
	CARGO="$(CARGO)" .cargo/cross.sh $(TARGETS)

mutants: ## change the code bit by bit, which tests must notice (PACKAGE=stheno-poll ARGS="--file …"; needs cargo-mutants)
	CARGO="$(CARGO)" MUTANTS_ARGS="$(ARGS)" .cargo/mutants.sh $(PACKAGE)
