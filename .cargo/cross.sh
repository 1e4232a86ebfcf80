#!/bin/sh
# Builds for each of the targets named, and runs there, in qemu's user mode: the tests of core, of the backends and of the
# simulated network, those of the sockets, and the whole suite on every backend. `.cargo/config.toml` says how it is linked
# and run. Fails at the first that fails.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

# qemu's user mode knows no epoll_pwait2, so the feature `linux_5_11` stays out.
features=std,select,poll,epoll,bitflags,counters,heapless,log,embedded-io,defmt,signals,credentials
# What starts programs of its own, needs another tool, or counts the host's system calls is for the host, and so are
# terminals, of whose calls (TCGETS2) qemu knows nothing.
sockets=
for test in address address_laws allocation bad_input closed_behind convert datagrams_and_files exhaustion interrupted layers \
  options os_adopt os_datagram os_stream os_unix predicates select_size thread_safety waking; do
  sockets="$sockets --test $test"
done

for target in "$@"; do
  case $target in
    s390x-*) prefix=s390x-linux-gnu packages='gcc-s390x-linux-gnu libc6-dev-s390x-cross' qemu=qemu-s390x-static ;;
    armv7-*) prefix=arm-linux-gnueabihf packages='gcc-arm-linux-gnueabihf libc6-dev-armhf-cross' qemu=qemu-arm-static ;;
    *) echo "make cross knows no linker for $target" >&2; exit 1 ;;
  esac
  for need in "$prefix-gcc" "$qemu"; do
    command -v "$need" >/dev/null || { echo "make cross needs $need (Debian: $packages qemu-user-static)" >&2; exit 1; }
  done
  export "CC_$(echo "$target" | tr - _)=$prefix-gcc"

  # The kernel's own descriptors are the host's, but qemu's select copies sets of 1,024 and dies of any other. A limit for
  # the process keeps it alive, and the cases that need more are skipped by name; the tests of greater sets are the host's.
  few_descriptors() { (ulimit -n 1020 && "$@"); }

  echo "$target: core, the backends and the simulated network"
  $cargo test --quiet --target "$target" --package stheno-core --all-features --lib --tests
  few_descriptors $cargo test --quiet --target "$target" --package stheno-select --features alloc --lib --test contract
  $cargo test --quiet --target "$target" --package stheno-poll --features alloc,heapless
  $cargo test --quiet --target "$target" --package stheno-epoll --features alloc
  $cargo test --quiet --target "$target" --package stheno-conformance --lib --test sim_allocation --test sim_clauses \
    --test sim_loop --test sim_states --test sim_weather --test systems
  echo "$target: sockets"
  # shellcheck disable=SC2086 # several words are several arguments
  few_descriptors $cargo test --quiet --target "$target" --package stheno --no-default-features --features "$features" --lib $sockets -- \
    --skip among_a_thousand_idle_channels
  echo "$target: the suite"
  $cargo build --quiet --target "$target" --package stheno-conformance
  program="$qemu -L /usr/$prefix ${CARGO_TARGET_DIR:-target}/$target/debug/stheno-conformance"
  # shellcheck disable=SC2086
  few_descriptors $program --backend select
  for backend in poll epoll sim; do
    $program --backend "$backend"
  done
done
