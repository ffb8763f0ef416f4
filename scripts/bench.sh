#!/usr/bin/env bash
# Runs the comparisons with other tools and with place and route, and writes their tables to
# out/bench/*.md (and the numbers to *.json). Fetches the peers into .tools/peers first.
#
#   scripts/bench.sh                   all of them: hours on two cores
#   BENCH="cmvm models" scripts/bench.sh   some of: cmvm models fmax calibrate datapath
#                                      tables_logic import fuzz
#
#   NN2RTL      the binary; default: target/release/nn2rtl
#   BENCH_ARGS  given to every Python script as well, such as "--seeds 1"
#   SHARED      folder of the public models and of cmvm.py and qor.py; default: ../shared
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --peers
tools=${NN2RTL_TOOLS:-.tools}
nn2rtl=${NN2RTL:-target/release/nn2rtl}
shared=${SHARED:-../shared}
out=out/bench
mkdir -p "$out"

python() { KERAS_BACKEND=jax "$tools/peers/bin/python" "$@"; }
say() { printf 'bench: %s\n' "$*"; }

failed=0
for bench in ${BENCH:-cmvm models fmax calibrate datapath tables_logic import fuzz}; do
  say "$bench -> $out/$bench.md"
  # shellcheck disable=SC2086 # BENCH_ARGS holds several words
  case $bench in
    cmvm)
      python "$shared/bench/cmvm.py" --nn2rtl "$nn2rtl" --json "$out/cmvm.json" ${BENCH_ARGS:-} &&
        python benches/tables.py cmvm "$out/cmvm.json" > "$out/cmvm.md" &&
        python benches/cmvm_warm.py --nn2rtl "$nn2rtl" --cmvm "$shared/bench/cmvm.py" >> "$out/cmvm.md"
      ;;
    models | fmax)
      python "benches/$bench.py" --nn2rtl "$nn2rtl" --qor "$shared/bench/qor.py" \
        --out "$out/$bench.md" --json "$out/$bench.json" ${BENCH_ARGS:-}
      ;;
    calibrate)
      python benches/calibrate.py --fit --out "$out/calibrate.md" --json "$out/calibrate.json" \
        ${BENCH_ARGS:-}
      ;;
    tables_logic)
      python benches/tables_logic.py --out "$out/tables_logic.md" --json "$out/tables_logic.json" \
        ${BENCH_ARGS:-}
      ;;
    datapath)
      if grep -q '^name = "datapath"' Cargo.toml; then
        cargo bench --bench datapath | tee "$out/datapath.md"
      else
        say "no such bench in this version"
      fi
      ;;
    import | fuzz)
      cargo bench --bench "$bench" | tee "$out/$bench.md"
      ;;
    *)
      say "no bench $bench"
      false
      ;;
  esac || failed=1
done
exit $failed
