#!/usr/bin/env python3
"""Networks of MLPerf Tiny folded until they fit a small device, beside what was published for the same tasks.

    fit.py [--nn2rtl target/release/nn2rtl] [--yosys] [--samples 2] [NAME ...]     (names as in MODELS)

Every network is built with `--io stream --fit`, simulated in Verilator (equal to the emulator in every bit, first
latency as planned, or this ends with an error), and with `--yosys` synthesised for the device (run it with
.tools/venv/bin/python then). Published rates are those of whole systems on their boards (MLPerf Tiny submissions, 0.5
to 1.0), given as cycles of 100 MHz; ours are those of the design alone. Prints a Markdown table.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from resources import count, synthesise

SHARED = Path(__file__).resolve().parents[2] / 'shared'
ANOMALY = 'hls4ml AD03: 9,649, AD08: 1,874 (Pynq-Z2), 3,259 (Arty A7); AD08 alone: II 144, 51,429 LUT, 207 DSP (xc7a100t)'
SPEECH = 'FINN, an MLP of 3 bits: 1,746 (Pynq-Z2), 3,316 (Arty A7)'
IMAGE = 'hls4ml RN06: 789,889, RN08: 764,526 (Pynq-Z2), RN07: 3,322,259 (Arty A7); FINN CNV of 1 bit: 151,286 (Pynq-Z2)'
MODELS = {
    'p05': ('models/p05_ad03_qkeras_ae/model_ToyCar.h5', ['xc7a100t', 'xc7z020'], ANOMALY),
    'p04': ('models/p04_kws_dscnn_h5/kws_model.h5', ['xc7a100t', 'xc7z020'], SPEECH),
    'p03': ('models/p03_resnet8_cifar_h5_onnx/pretrainedResnet.h5', ['xc7a100t', 'xc7z020'], IMAGE),
    'p06': ('models/p06_rn06_qkeras_conv/model_best.h5', ['xc7a100t', 'xc7z020'], IMAGE),
}


def run(args, *command):
    done = subprocess.run([args.nn2rtl, '--json', *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(map(str, command))}\n{done.stdout}{done.stderr}')
    return json.loads(done.stdout)


def yosys(project, rtl):
    parts, own = synthesise(project, rtl['top'], rtl['sources'], 'xc7')
    all_cells = [count(it) for it in [own, *parts.values()]]
    total = {kind: sum(it[kind] for it in all_cells) for kind in all_cells[0]}
    return f'{total["lut"]} / {total["ff"]} / {total["dsp"]} / {total["bram"] / 2:g}'


def row(args, name, target, work):
    file, _, published = MODELS[name]
    project = f'{work}/{name}_{target}'
    run(args, 'build', SHARED / file, '-o', project, '--io', 'stream', '--flow', 'rtl', '--target', target, '--fit')
    rtl = json.loads(Path(project, 'nn2rtl.json').read_text())['rtl']
    told = run(args, 'cosim', project, '--engines', 'rtl', '--samples', args.samples)
    timing = told['timing']
    if told['cosim']['mismatches'] or (timing['first'], timing['latency']['min']) != (rtl['first'], rtl['latency']):
        sys.exit(f'{name}: {told}')
    sizes = {kind: sum(it[kind] for it in rtl['processes']) for kind in ('lut', 'ff', 'dsp', 'bram_kbit')}
    guess = f'{sizes["lut"]} / {sizes["ff"]} / {sizes["dsp"]} / {sizes["bram_kbit"] / 36:g}'
    real = yosys(project, rtl) if args.yosys else '-'
    print(f'| {name} | {target} | {rtl["latency"]} | {rtl["interval"]} | {guess} | {real} | {published} |', flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--yosys', action='store_true')
    ap.add_argument('--samples', default=2, type=int)
    ap.add_argument('names', nargs='*')
    args = ap.parse_args()
    print('| model | device | latency, cycles | II, cycles | LUT / FF / DSP / BRAM36, estimated | by Yosys | published, cycles |')
    print('|---|---|---|---|---|---|---|', flush=True)
    with tempfile.TemporaryDirectory() as work:
        for name in args.names or MODELS:
            for target in MODELS[name][1]:
                row(args, name, target, work)


if __name__ == '__main__':
    main()
