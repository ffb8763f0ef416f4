#!/usr/bin/env bash
# The whole story on the shipped example: a network trained on handwritten digits becomes firmware by
# both paths, is simulated against the emulator on all its data, and the paths are compared.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

nn2rtl=${NN2RTL:-target/release/nn2rtl}
example=examples/digits
out=out/digits

say() { printf '\n== %s\n' "$*"; }

say "the network and its formats (calibrated on the shipped data)"
"$nn2rtl" build "$example/digits.keras" -c "$example/config.yml" --calibrate "$example/x_test.npy" \
  --target xcvu9p -o "$out"

say "accuracy: float, then bit-accurate fixed point"
"$nn2rtl" predict "$example/digits.keras" --engine float \
  --input "$example/x_test.npy" --output out/float.npy --labels "$example/y_test.npy"
"$nn2rtl" predict "$out" --input "$example/x_test.npy" --output out/fixed.npy \
  --labels "$example/y_test.npy"

say "HLS C++ = RTL = emulator, on all of the data, the corners and 1000 random samples"
"$nn2rtl" cosim "$out" --input "$example/x_test.npy" --samples 1000

say "the HLS path beside the RTL path"
"$nn2rtl" compare "$out"
