#!/bin/sh
# Changes each of the packages named, one small thing at a time, and runs the package's own tests: they should notice.
# Prints the score; fails where they notice less than 95 %, where a change survives that mutants-survivors.md does not
# argue for, or where it argues for one that is noticed by now. MUTANTS_ARGS, handed on to cargo-mutants, may name a part
# (`--file core/src/io.rs`, `--shard 1/4`): what is noticed by now is then listed and no failure.
set -eu
cd "$(dirname "$0")/.."
out=target/mutants
rm -rf "$out" && mkdir -p "$out"

# A mutant may ask for memory without end.
ulimit -v 16000000 2>/dev/null || true

for package in "$@"; do
  case $package in
    stheno-epoll) features=--features=alloc ;; # its other feature takes code away
    *) features=--all-features ;;
  esac
  status=0
  # shellcheck disable=SC2086 # several words are several arguments
  ${CARGO:-cargo} mutants --package "$package" "$features" --output "$out/$package" ${MUTANTS_ARGS:-} || status=$?
  case $status in
    0 | 2 | 3) ;; # none survived, some did, some hung
    *) exit "$status" ;;
  esac
done

count() { cat "$out"/*/mutants.out/"$1.txt" | wc -l; }
caught=$(count caught) hung=$(count timeout) missed=$(count missed)
noticed=$((caught + hung)) viable=$((caught + hung + missed))
tenths=$((viable > 0 ? 1000 * noticed / viable : 1000))
echo "caught $caught, timeouts $hung, missed $missed, unviable $(count unviable): $((tenths / 10)).$((tenths % 10)) % of $viable"

# Line numbers move; what was changed and where is named without them.
named() { sed 's/:[0-9]*:[0-9]*: /: /' | sort; }
# What is argued for in the sections of these packages.
argued() {
  awk -v packages=" $* " '/^## / { here = index(packages, " " $2 " ") } here && /^- `/' .cargo/mutants-survivors.md |
    sed 's/^- `\(.*\)`: .*/\1/' | sort
}
cat "$out"/*/mutants.out/missed.txt | named >"$out/missed"
cat "$out"/*/mutants.out/caught.txt "$out"/*/mutants.out/timeout.txt | named | uniq >"$out/noticed"
argued "$@" >"$out/argued"
comm -13 "$out/missed" "$out/argued" >"$out/stale"

failed=0
if comm -23 "$out/missed" "$out/argued" | grep .; then
  echo 'These survived, and mutants-survivors.md does not say why they may.'
  failed=1
fi
if [ -n "${MUTANTS_ARGS:-}" ]; then
  # What is neither among the survivors nor among the others was not asked for.
  if comm -12 "$out/stale" "$out/noticed" | grep .; then
    echo 'These are noticed by now, in the part that was run, and mutants-survivors.md says still why they may survive.'
  fi
elif grep . "$out/stale"; then
  echo 'These are noticed by now, or there are none such, and mutants-survivors.md says still why they may survive.'
  failed=1
fi
if [ "$tenths" -lt 950 ]; then
  echo 'Less than 95 % were noticed.'
  failed=1
fi
exit "$failed"
