#!/usr/bin/env python3
"""Estimated resources of streams beside those of Yosys (synth_xilinx, synth_ecp5), process by process and in total.

    resources.py [--nn2rtl target/release/nn2rtl] [--target xc7a100t] [--processes] [NAME ...]

Every design is built with `--io stream --flow rtl` and synthesised with its hierarchy kept, so that each
process has its own count (as `nn2rtl synth` does). LUT: tables, tables that store, shift registers; a memory primitive counts as many as it is
made of. BRAM: blocks of 18 kbit. Arrays multiply in DSP blocks or not as the design says: as Yosys knows no attribute for that,
the modules of those that do not have their products turned into additions before it looks for blocks.
Prints a Markdown table, and the median and worst error of the lookup tables. Run it with .tools/venv/bin/python
(`scripts/setup.sh --place`).
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared'
DESIGNS = {
    'p02, 16 bits, reuse 64': (SHARED / 'models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5', '--reuse', 64),
    'p05, reuse 128': (SHARED / 'models/p05_ad03_qkeras_ae/model_ToyCar.h5', '--reuse', 128),
    'p05, reuse 32': (SHARED / 'models/p05_ad03_qkeras_ae/model_ToyCar.h5', '--reuse', 32),
    'p01, reuse 9': (SHARED / 'models/p01_mnist_cnn_keras3/keras_model.keras', '--reuse', 9),
    'hgq2_conv': (REPO / 'tests/models/hgq2_conv.keras',),
    'qk2_cnn, reuse 9': (REPO / 'tests/models/qk2_cnn.h5', '--reuse', 9),
    'layers_pool, 8 bits': (REPO / 'tests/models/layers_pool.keras', '--precision', 'fixed<8,3>'),
    'hls4ml_wires, 8 bits': (REPO / 'tests/models/hls4ml_wires.keras', '--precision', 'fixed<8,3>'),
    'layers_rnn, 8 bits, reuse 3': (REPO / 'tests/models/layers_rnn.keras', '--precision', 'fixed<8,3>', '--reuse', 3),
    'k3_rnn, reuse 4': (SHARED / 'samples/k3_rnn.keras', '--reuse', 4),
    't_cells, 4 bits, reuse 4': (REPO / 'tests/models/t_cells.pt2', '--precision', 'fixed<4,2>', '--reuse', 4, '--dsp', 'none'),
    'k2_aliases, 4 bits, reuse 4': (REPO / 'tests/models/k2_aliases.h5', '--precision', 'fixed<4,2>', '--reuse', 4, '--dsp', 'none'),
    'p04, reuse 64': (SHARED / 'models/p04_kws_dscnn_h5/kws_model.h5', '--reuse', 64),
}
# What primitives that are made of several lookup tables take.
TABLES = {'RAM32M': 4, 'RAM64M': 4, 'RAM32M16': 8, 'RAM64M8': 8, 'RAM32X1D': 2, 'RAM64X1D': 2, 'RAM128X1D': 4, 'RAM128X1S': 2,
          'RAM256X1S': 4, 'RAM256X1D': 8, 'RAM512X1S': 8}
FAMILIES = (('xc7', 'xc7'), ('lfe5u', 'ecp5'))
RUNNER = REPO / 'synth-templates/yosys.py'


def count(cells):
    found = {'lut': 0, 'ff': 0, 'dsp': 0, 'bram': 0}
    for cell, number in cells.items():
        if re.fullmatch(r'LUT[1-6]|INV|SRL.*|RAM\d+X?\d*[A-Z]\d*', cell):
            found['lut'] += number * TABLES.get(cell, 1)
        elif cell in ('CCU2C', 'TRELLIS_DPR16X4'):
            found['lut'] += number * {'CCU2C': 2, 'TRELLIS_DPR16X4': 4}[cell]
        elif cell.startswith(('FD', 'TRELLIS_FF')):
            found['ff'] += number
        elif cell.startswith(('DSP', 'MULT18')):
            found['dsp'] += number
        elif cell.startswith(('RAMB', 'DP16KD')):
            found['bram'] += number * (2 if cell.startswith('RAMB36') else 1)
    return found


def synthesise(project, top, sources, family):
    """Cells of every instance of the top, and of the top itself."""
    files = ' '.join(f'{project}/{it}' for it in sources if not it.endswith(('.svh', '_axis.sv')))
    stat = f'{project}/stat.json'
    logic = [it for it in sources if re.search(r'\.Dsp +\(1.b0\)', Path(project, it).read_text())]
    logic = [f'*i_{Path(it).stem.removeprefix(top + "_")}.i_array' for it in logic]
    read = f'read_slang --keep-hierarchy -DSYNTHESIS -I {project}/rtl {files} --top {top}'
    if family == 'ecp5':
        synth, logic = ['synth_ecp5 -abc9 -top {top}'], []
    else:
        synth = f'synth_xilinx -family {family} -noclkbuf -noiopad -top {{top}}'
        synth = [f'{synth} -run begin:map_dsp', f'{synth} -run map_dsp:check']
    job = {'read': read, 'synth': synth, 'top': top, 'apart': True, 'logic': logic, 'cells': stat, 'netlist': None}
    done = subprocess.run([sys.executable, RUNNER, json.dumps(job)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    modules = json.loads(Path(stat).read_text())
    parts = {}

    def walk(name):
        """The cells below a module."""
        total = {}
        for cell, number in modules[name].items():
            inner = cell.lstrip('\\')
            for below, times in (walk(inner) if inner in modules else {cell: 1}).items():
                total[below] = total.get(below, 0) + times * number
        return total

    own = {}
    for cell, number in modules[top].items():
        inner = cell.lstrip('\\')
        if inner in modules:
            # A kept instance of its own: MODULE$TOP.i_NAME
            parts[inner.split('.')[-1].removeprefix('i_')] = walk(inner)
        else:
            own[cell] = number
    return parts, own


def process_of(part, names):
    """The process that an instance belongs to: its own, a FIFO in front of it or the fork behind it."""
    stem = re.sub(r'(_in\d+_fifo|_fork)$', '', part)
    return stem if stem in names else 'ports'


def error(estimate, real):
    return (estimate - real) / max(real, 1)


def compare(args, name, model, options, work):
    project = f'{work}/{re.sub("[^a-z0-9]+", "_", name)}'
    command = [args.nn2rtl, '--json', 'build', model, '-o', project, '--io', 'stream', '--flow', 'rtl', '--target', args.target, *options]
    done = subprocess.run([str(it) for it in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    rtl = json.loads(Path(project, 'nn2rtl.json').read_text())['rtl']
    begin = time.time()
    parts, own = synthesise(project, rtl['top'], rtl['sources'], next((family for begin, family in FAMILIES if args.target.startswith(begin)), 'xcup'))
    seconds = time.time() - begin
    guess = {it['name']: {'lut': it['lut'], 'ff': it['ff'], 'dsp': it['dsp'], 'bram': it['bram_kbit'] / 18} for it in rtl['processes']}
    real = {it: count({}) for it in guess}
    real['ports'] = count(own)
    guess['ports'] = count({})
    for part, cells in parts.items():
        at = real[process_of(part, guess)]
        for kind, number in count(cells).items():
            at[kind] += number
    if args.processes:
        for it in guess:
            if max(real[it].values()) > 0 or max(guess[it].values()) > 0:
                figures = ' | '.join(f'{guess[it][kind]:.0f} / {real[it][kind]}' for kind in ('lut', 'ff', 'dsp', 'bram'))
                print(f'|   {it} | {figures} | |')
    total = {kind: (sum(it[kind] for it in guess.values()), sum(it[kind] for it in real.values())) for kind in ('lut', 'ff', 'dsp', 'bram')}
    figures = ' | '.join(f'{a:.0f} / {b}' for a, b in total.values())
    print(f'| {name} | {figures} | {100 * error(*total["lut"]):+.0f} % | {seconds:.0f} |', flush=True)
    return error(*total['lut'])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--target', default='xc7a100t')
    ap.add_argument('--processes', action='store_true')
    ap.add_argument('names', nargs='*', help='beginnings of names as in DESIGNS')
    args = ap.parse_args()
    print('| design | LUT, estimate / Yosys | FF | DSP | BRAM of 18 kbit | LUT error | Yosys, s |\n|---|---|---|---|---|---|---|', flush=True)
    errors = []
    with tempfile.TemporaryDirectory() as work:
        for name, (model, *options) in DESIGNS.items():
            if args.names and not any(name.startswith(it) for it in args.names):
                continue
            errors.append(compare(args, name, model, options, work))
    sizes = [abs(it) for it in errors]
    print(f'\nLookup tables: median error {100 * statistics.median(sizes):.0f} %, worst {100 * max(sizes):.0f} %, {len(sizes)} designs')


if __name__ == '__main__':
    main()
