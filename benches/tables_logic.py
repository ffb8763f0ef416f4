#!/usr/bin/env python3
"""Constant tables as nn2rtl writes them, whole and split into sums of smaller tables, synthesised by Yosys.

    tables_logic.py [--bits 8,10] [--kinds sigmoid,...] [--work DIR] [--out TABLE.md] [--json OUT.json]

`benches/tables_logic.rs` writes the SystemVerilog: the core of a design that reads one table, between
registers. Lookup tables are counted after `synth_xilinx -family xcup` (LUT6) and `synth_ecp5 -abc9` (LUT4, two for
every CCU2C of a carry chain). A table that nn2rtl does not split is there once: the ratio is 1 by
definition. `estimate` is what nn2rtl says beforehand.

Needs: pip install pyosys==0.70 (run with that interpreter).
"""
import argparse
import json
import math
import pathlib
import random
import re
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parent.parent
WIDTHS = {6: (6, 8), 8: (6, 8, 16), 10: (8, 12, 16), 12: (8, 16)}
FLOWS = {6: ('synth_xilinx -family xcup -flatten -noclkbuf -noiopad', {'LUT[1-6]|INV': 1}),
         4: ('synth_ecp5 -abc9', {'LUT4': 1, 'CCU2C': 2})}
FUNCTIONS = {
    'sigmoid': lambda x, top: top / (1 + math.exp(8 - 16 * x)),
    'tanh': lambda x, top: (top >> 1) * math.tanh(16 * x - 8),
    'exp': lambda x, top: top * math.exp(-8 * x),
    'inverse': lambda x, top: top / (1 + 63 * x),
    'sqrt': lambda x, top: top * math.sqrt(x),
    'random': None,
}


def entries(kind, bits, width):
    top, count = (1 << width) - 1, 1 << bits
    if kind == 'random':
        draw = random.Random(f'{bits}x{width}')
        return [draw.randrange(top + 1) for _ in range(count)]
    return [round(FUNCTIONS[kind](i / count, top)) for i in range(count)]


def cases(a):
    for kind in a.kinds.split(','):
        for bits in map(int, a.bits.split(',')):
            for width in WIDTHS[bits]:
                for lut in FLOWS:
                    yield kind, bits, width, lut


def synthesise(folder, lut):
    """Lookup tables of a design."""
    sources = sorted((folder / 'rtl').glob('table_tables.sv')) + sorted((folder / 'rtl').glob('table_[!t]*.sv'))
    sources = [*sources, *(p for p in sorted((folder / 'rtl').glob('table_table.sv')))]
    skip = re.compile(r'axis')
    files = ' '.join(str(p) for p in dict.fromkeys(sources) if not skip.search(p.name))
    flow, cells = FLOWS[lut]
    code = ("import sys\nfrom pyosys import libyosys as ys\nd=ys.Design()\n"
            "for c in sys.argv[1].split(';'):\n    ys.run_pass(c.strip(), d)\n")
    script = (f'read_slang -I {folder}/rtl {files} --top table_core; {flow} -top table_core; '
              f'tee -q -o {folder}/stat.json stat -json')
    r = subprocess.run([sys.executable, '-c', code, script], capture_output=True, text=True)
    if r.returncode:
        sys.exit(f'yosys failed: {(r.stdout + r.stderr)[-1500:]}')
    counts = json.loads((folder / 'stat.json').read_text())['design']['num_cells_by_type']
    return sum(v * weight for cell, v in counts.items() for name, weight in cells.items() if re.fullmatch(name, cell))


def table(found):
    lines = ['| table | address x data bits | LUT | whole: estimate | Yosys | sum: estimate | Yosys | sum/whole |', '|---|---|---|---:|---:|---:|---:|---:|']
    for f in found:
        split = f"{f['estimate'][1]} | {f['sum']} | {f['sum'] / f['table']:.2f}" if 'sum' in f else '– | – | not split'
        lines.append(f"| {f['kind']} | {f['bits']} x {f['width']} | LUT{f['lut']} | {f['estimate'][0]} | {f['table']} | {split} |")
    for lut in FLOWS:
        split = [f for f in found if f['lut'] == lut and 'sum' in f]
        if split:
            whole, parts = sum(f['table'] for f in split), sum(f['sum'] for f in split)
            worse = [f for f in split if f['sum'] >= f['table']]
            lines.append(f'\nLUT{lut}: {len(split)} split, {whole} to {parts} ({parts / whole:.2f}); not smaller: {len(worse)}.')
    return '\n'.join(lines) + '\n'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--bits', default='6,8,10,12')
    ap.add_argument('--kinds', default=','.join(FUNCTIONS))
    ap.add_argument('--work', type=pathlib.Path, default=REPO / 'out/bench/tables_logic')
    ap.add_argument('--out', type=pathlib.Path)
    ap.add_argument('--json', type=pathlib.Path)
    a = ap.parse_args()
    work = a.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    lines = [' '.join(map(str, (f'{kind}_{bits}x{width}', lut, *entries(kind, bits, width)))) for kind, bits, width, lut in cases(a)]
    (work / 'tables.txt').write_text('\n'.join(lines) + '\n')
    command = ['cargo', 'bench', '-q', '--bench', 'tables_logic', '--', work / 'tables.txt', work]
    estimates = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout.split('\n')
    found = []
    for (kind, bits, width, lut), estimate in zip(cases(a), estimates):
        folder = work / f'{kind}_{bits}x{width}_lut{lut}'
        estimate = [int(it) for it in estimate.split()[2:]]
        found.append({'kind': kind, 'bits': bits, 'width': width, 'lut': lut, 'estimate': estimate, 'table': synthesise(folder / 'table', lut)})
        if len(estimate) > 1:
            found[-1]['sum'] = synthesise(folder / 'sum', lut)
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
        for path, text in ((a.out, table(found)), (a.json, json.dumps(found, indent=1))):
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    print(table(found))


if __name__ == '__main__':
    main()
