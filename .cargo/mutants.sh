#!/bin/sh
# Changes each of the packages named, one small thing at a time, and runs the package's own tests: they should notice.
# Prints the score; fails where they notice less than 95 %, or where a change survives that mutants-survivors.md does not
# argue for.
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
  ${CARGO:-cargo} mutants --package "$package" "$features" --output "$out/$package" || status=$?
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
cat "$out"/*/mutants.out/missed.txt | sed 's/:[0-9]*:[0-9]*: /: /' | sort >"$out/missed"
sed -n 's/^- `\(.*\)`: .*/\1/p' .cargo/mutants-survivors.md | sort >"$out/argued"
if comm -23 "$out/missed" "$out/argued" | grep .; then
  echo 'These survived, and mutants-survivors.md does not say why they may.'
  exit 1
fi
if [ "$tenths" -lt 950 ]; then
  echo 'Less than 95 % were noticed.'
  exit 1
fi
