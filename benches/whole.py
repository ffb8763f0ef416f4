#!/usr/bin/env python3
"""Whole networks side by side (io parallel): built by both paths, then emulator = HLS C++ (g++) = RTL (Verilator).

    whole.py [--nn2rtl target/release/nn2rtl] [--samples 4] [MODEL=PRECISION ...]

Without models: p11, whose unrolled form is the largest that Verilator compiles here; minutes, which is why it is
not a test. Prints what was built and how long each part took; ends with an error if a bit differs.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / 'shared' / 'models'
MODELS = [f'{SHARED}/p11_mnist_onnx_cntk/model.onnx=fixed<6,4>']


def run(args, *command):
    begin = time.perf_counter()
    done = subprocess.run([args.nn2rtl, '--json', *command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)}\n{done.stdout}{done.stderr}')
    return json.loads(done.stdout), time.perf_counter() - begin


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--samples', default='4')
    ap.add_argument('models', nargs='*', default=MODELS)
    args = ap.parse_args()
    for model in args.models:
        file, precision = model.rsplit('=', 1)
        with tempfile.TemporaryDirectory() as work:
            project = f'{work}/out'
            built, building = run(args, 'build', file, '-o', project, '--precision', precision)
            size = sum(it.stat().st_size for it in Path(project, 'rtl').iterdir()) / 1e6
            rtl = built['rtl']
            print(f'{file} at {precision}: built in {building:.0f} s, {size:.1f} MB of SystemVerilog, '
                  f'latency {rtl["latency"]} cycles', flush=True)
            told, taken = run(args, 'cosim', project, '--samples', args.samples)
            print(f'  cosimulated in {taken:.0f} s: {json.dumps({key: told[key] for key in told if key != "warnings"})}', flush=True)


if __name__ == '__main__':
    main()
