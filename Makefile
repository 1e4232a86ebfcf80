# `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run test fmt clippy doc unit no-std conformance explore load strace inject

CARGO ?= cargo
BACKEND ?=
SEED ?=
REPEAT ?=
FORMAT ?=
JOBS ?=
PORT ?= 7007
DEPTH ?= 4
DARING ?= 2

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the chat server (PORT=7007)
	$(CARGO) run --example chat -- $(PORT)

test: fmt clippy doc no-std unit conformance ## everything that must hold before a change lands

fmt: ## check the format
	$(CARGO) fmt --all --check

clippy: ## lint everything, with warnings as errors
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings

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
	for feature in alloc heapless bitflags log; do \
	  $(CARGO) clippy --package stheno-core --no-default-features --features $$feature -- -D warnings || exit 1; \
	done
	for features in select poll epoll select,alloc poll,alloc epoll,alloc select,poll,epoll,alloc poll,std; do \
	  $(CARGO) clippy --package stheno --no-default-features --features $$features -- -D warnings || exit 1; \
	done
	$(CARGO) check --package stheno --no-default-features 2>&1 | grep --quiet 'stheno needs a backend that this target has'

unit: ## unit tests, documentation tests, and the examples with real clients
	$(CARGO) build --workspace --examples
	$(CARGO) test --workspace --all-features

conformance: ## scenarios and contract cases on every backend (BACKEND=poll SEED=7 REPEAT=3 FORMAT=json JOBS=4)
	@$(CARGO) run --quiet --package stheno-conformance -- $(foreach backend,$(BACKEND),--backend $(backend)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(REPEAT),--repeat $(REPEAT)) $(if $(FORMAT),--format $(FORMAT)) \
	  $(if $(JOBS),--jobs $(JOBS))

explore: ## every state of one channel, and every history of several (DEPTH=4 events, DARING=2 departures)
	DEPTH=$(DEPTH) DARING=$(DARING) $(CARGO) test --package stheno-core --test explore -- --nocapture --test-threads 1

load: ## ten thousand clients at once, on every backend, every byte checked
	$(CARGO) build --release --example echo
	$(CARGO) test --release --test load -- --nocapture

strace: ## the system calls of a turn with 10,000 idle channels (needs strace)
	$(CARGO) build --release --example echo
	$(CARGO) test --release --test system_calls -- --nocapture

inject: ## whole sessions in which each system call fails in turn (needs strace; PLANS=200 SEED=1 for a sample)
	$(CARGO) test --test inject -- --nocapture
