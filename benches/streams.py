#!/usr/bin/env python3
"""Whole networks as streams: emulator = RTL (Verilator) at full rate and with stalls at every port = C++ (g++), cycles as planned.

    streams.py [--nn2rtl target/release/nn2rtl] [--samples 2] [--clock NS] [NAME ...]     (names as in MODELS)
    streams.py --soak [--frames 100000]     three networks, random stalls and resets in the middle of samples
    streams.py --reuse                      RTL and C++ at reuse factors 1, 2, 4 and as large as can be (many minutes)
    streams.py --speed                      samples per second: RTL in Verilator beside C++ (ap_types) in g++

Prints a row of a Markdown table for each; ends with an error if a bit or a cycle differs.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared'
MODELS = {
    'p01': ('models/p01_mnist_cnn_keras3/keras_model.keras', 9),
    'p02': ('models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5', 4),
    'p03': ('models/p03_resnet8_cifar_h5_onnx/pretrainedResnet.h5', 72),
    'p04': ('models/p04_kws_dscnn_h5/kws_model.h5', 64),
    'p05': ('models/p05_ad03_qkeras_ae/model_ToyCar.h5', 128),
    'p06': ('models/p06_rn06_qkeras_conv/model_best.h5', 64),
    'p11': ('models/p11_mnist_onnx_cntk/model.onnx', 25),
    'p12': ('models/p12_resnet8_qdq_onnx/resnet.onnx', 72),
    'p14': ('models/p14_espcn_qonnx_conv/quant_model.onnx', 64),
    'k3_rnn': ('samples/k3_rnn.keras', 4),
    't_rnn': ('samples/t_rnn.pt2', 4),
}
FACTORS = {'p02': None, 'p05': None, 'qk2_cnn': 'tests/models/qk2_cnn.h5'}
SOAK = ['hgq2_conv.keras', 'layers_rnn.keras', 'layers_pool.keras']
SPEED = ['hgq2_conv.keras', 'hls4ml_conv.keras', 'layers_pool.keras']


class Bench:
    def __init__(self, exe, work):
        self.exe, self.work = exe, work

    def run(self, *command):
        begin = time.perf_counter()
        done = subprocess.run([self.exe, '--json', *map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f'{" ".join(map(str, command))}\n{done.stdout}{done.stderr}')
        return json.loads(done.stdout), time.perf_counter() - begin

    def build(self, file, *options):
        project = f'{self.work}/{Path(file).stem}'
        command = ['build', file, '-o', project, '--force', '--io', 'stream', *options]
        return (project, *self.run(*command))

    def cosim(self, project, *options):
        told, taken = self.run('cosim', project, *options)
        if told['cosim']['mismatches'] != 0:
            sys.exit(f'{project}: {told}')
        return told['timing'], taken


def networks(bench, args):
    print('| model | reuse | latency, cycles | II, cycles | samples | build, s | cosim, s |')
    print('|---|---|---|---|---|---|---|', flush=True)
    for name in args.names or MODELS:
        file, reuse = MODELS[name]
        clock = ['--clock', args.clock] if args.clock else []
        project, built, building = bench.build(SHARED / file, '--reuse', reuse, *clock)
        timing, taken = bench.cosim(project, '--engines', 'rtl', '--samples', args.samples)
        planned = built['rtl']
        if (timing['first'], timing['latency']['min']) != (planned['first'], planned['latency']):
            sys.exit(f'{name}: planned {planned}, measured {timing}')
        bench.cosim(project, '--engines', 'rtl', '--samples', args.samples, '--stall', 0.4)
        bench.cosim(project, '--engines', 'hls', '--samples', args.samples)
        print(f'| {name} | {reuse} | {planned["latency"]} | {planned["interval"]} | {timing["samples"]} '
              f'| {building:.0f} | {taken:.0f} |', flush=True)


def soak(bench, args):
    print('| model | frames | resets | cycles | s |\n|---|---|---|---|---|', flush=True)
    for name in SOAK:
        project, *_ = bench.build(REPO / 'tests/models' / name, '--flow', 'rtl', '--precision', 'fixed<8,3>', '--reuse', 2)
        options = ['--samples', args.frames, '--stall', 0.3, '--resets', 0.001]
        timing, taken = bench.cosim(project, '--engines', 'rtl', *options)
        print(f'| {name} | {timing["samples"]} | {timing["resets"]} | {timing["cycles"]} | {taken:.0f} |', flush=True)


def speed(bench, args):
    print('| model | Verilator, samples/s | g++, samples/s | ratio |\n|---|---|---|---|', flush=True)
    for name in SPEED:
        project, *_ = bench.build(REPO / 'tests/models' / name, '--precision', 'fixed<8,3>')
        rates = []
        for engine, few, many in [('rtl', 10, 2010), ('hls', 10, 510)]:
            bench.cosim(project, '--engines', engine, '--samples', few)  # compiles
            begin = bench.cosim(project, '--engines', engine, '--samples', few)[1]
            end = bench.cosim(project, '--engines', engine, '--samples', many)[1]
            rates.append((many - few) / (end - begin))
        print(f'| {name} | {rates[0]:.0f} | {rates[1]:.0f} | {rates[0] / rates[1]:.1f} |', flush=True)


def factors(bench, args):
    print('| model | reuse | latency, cycles | II, cycles | samples | build, s | cosim, s |')
    print('|---|---|---|---|---|---|---|', flush=True)
    for name in args.names or FACTORS:
        file = REPO / FACTORS[name] if name not in MODELS else SHARED / MODELS[name][0]
        for reuse in [1, 2, 4, 100000]:
            project, built, building = bench.build(file, '--reuse', reuse)
            timing, taken = bench.cosim(project, '--engines', 'rtl,hls', '--samples', 12)
            planned = built['rtl']
            if (timing['first'], timing['latency']['min']) != (planned['first'], planned['latency']):
                sys.exit(f'{name}: planned {planned}, measured {timing}')
            bench.cosim(project, '--engines', 'rtl', '--samples', 12, '--stall', 0.4)
            print(f'| {name} | {reuse} | {planned["latency"]} | {planned["interval"]} | {timing["samples"]} '
                  f'| {building:.0f} | {taken:.0f} |', flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--samples', default=2, type=int)
    ap.add_argument('--clock')
    ap.add_argument('--soak', action='store_true')
    ap.add_argument('--speed', action='store_true')
    ap.add_argument('--reuse', action='store_true')
    ap.add_argument('--frames', default=100000, type=int)
    ap.add_argument('names', nargs='*')
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args.nn2rtl, work)
        (soak if args.soak else speed if args.speed else factors if args.reuse else networks)(bench, args)


if __name__ == '__main__':
    main()
