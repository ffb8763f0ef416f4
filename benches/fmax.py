#!/usr/bin/env python3
"""Does the placed netlist meet the clock that the delay model promised?

    fmax.py [--cases digits,p02,mlp8,mlp16,mlp24] [--clock 20,12.5,10,8,6.7] [--device 85k] [--seeds 3]
            [--nn2rtl PATH] [--work DIR] [--out TABLE.md] [--json OUT.json]

Each case is built by `nn2rtl build --flow rtl --clock NS`, and its core (no handshake, no FIFO) goes through Yosys `synth_ecp5 -abc9`
and nextpnr-ecp5 out of context (median of the seeds). `promised` is the clock minus the slack that nn2rtl reports; the
requirement is placed <= 1.1 x the clock wherever that slack is not negative. placed/promised says how good the model is.

Cases: `digits` is examples/digits without its softmax (skipped, as is usual in a trigger: the multiplications behind it
would fill the part), `p02` the jet MLP of ../shared/models in fixed<5,2> without softmax (its default 16 bits
do not fit an ECP5), `gated` and `kernels` those of examples/own_layer in fixed<8,4>, `mlpN` a random N-N-N network in fixed<6,2> made here.

Needs what models.py needs; keras only for the random networks.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

os.environ.setdefault('KERAS_BACKEND', 'jax')
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from models import REPO, SHARED, qor, run, say  # noqa: E402


def random_mlp(n, work):
    """A random N-N-N network with rectifiers, the same on every machine."""
    path = work / f'mlp{n}.keras'
    if not path.exists():
        import keras
        import numpy as np

        rng = np.random.default_rng(n)
        model = keras.Sequential([keras.Input((n,), name='x'), keras.layers.Dense(n, activation='relu', name='first'),
                                  keras.layers.Dense(n, activation='relu', name='second')])
        model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
        model.save(path)
    return path


def case(name, work):
    """(model, options) of a case."""
    if name == 'digits':
        config = work / 'digits.yml'
        text = (REPO / 'examples/digits/config.yml').read_text()
        config.write_text(text.rstrip() + '\n  digit:\n    skip: true\n')
        return REPO / 'examples/digits/digits.keras', ['-c', config, '--calibrate', REPO / 'examples/digits/x_test.npy']
    if name == 'p02':
        config = work / 'p02.yml'
        config.write_text("Model:\n  Precision: fixed<5,2>\nLayerName:\n  softmax:\n    skip: true\n")
        return SHARED / 'models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5', ['-c', config]
    if name in ('gated', 'kernels'):
        own = REPO / 'examples/own_layer'
        return own / f'{name}.keras', ['--layers', own / ('layers.yml' if name == 'gated' else 'kernels.yml'),
                                       '--calibrate', own / 'x.npy', '--precision', 'fixed<8,4>']
    if name.startswith('mlp'):
        return random_mlp(int(name[3:]), work), ['--precision', 'fixed<6,2>']
    sys.exit(f'no case {name}')


def measure(name, clock, a):
    model, options = case(name, a.work)
    at = a.work / f'{name}_{clock}'
    shutil.rmtree(at, ignore_errors=True)
    run([a.nn2rtl, 'build', model, *options, '--flow', 'rtl', '--target', f'lfe5u-{a.device[:-1]}', '--clock', clock, '-o', at])
    rtl = json.loads((at / 'nn2rtl.json').read_text())['rtl']
    wrappers = {f'{rtl["top"]}.sv', f'{rtl["top"]}_axis.sv', 'nn_credit.sv', 'nn_fifo.sv', 'nn_assert.svh'}
    files = [at / f for f in rtl['sources'] if pathlib.Path(f).name not in wrappers]
    e = qor(files, f'{rtl["top"]}_core', a, a.seeds, False)['ecp5']
    promised = clock - rtl['slack_ns']
    return {'case': name, 'clock': clock, 'cycles': rtl['latency'], 'promised': promised, 'lut4': e['lut4'],
            'placed': 1000 / e['fmax_mhz'], 'fmax': e['fmax_mhz'], 'ratio': 1000 / e['fmax_mhz'] / promised,
            'meets': rtl['slack_ns'] < 0 or 1000 / e['fmax_mhz'] <= 1.1 * clock}


def table(rows):
    lines = ['| case | clock ns | promised ns | placed ns | placed MHz | placed/promised | LUT4 | cycles | within 10 % |',
             '|---|---:|---:|---:|---:|---:|---:|---:|---|']
    for r in rows:
        lines.append(f"| {r['case']} | {r['clock']} | {r['promised']:.2f} | {r['placed']:.2f} | {r['fmax']:.1f} | {r['ratio']:.2f} "
                     f"| {r['lut4']:,} | {r['cycles']} | {'yes' if r['meets'] else '**no**'} |")
    return '\n'.join(lines) + '\n'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--cases', default='digits,p02,mlp8,mlp16,mlp24')
    ap.add_argument('--clock', default='20,12.5,10,8,6.7')
    ap.add_argument('--device', default='85k', choices=['45k', '85k'])
    ap.add_argument('--seeds', type=int, default=3)
    ap.add_argument('--nn2rtl', default=str(REPO / 'target/release/nn2rtl'))
    ap.add_argument('--qor', default=str(SHARED / 'bench/qor.py'))
    ap.add_argument('--work', type=pathlib.Path, default=REPO / 'out/bench/fmax')
    ap.add_argument('--out', type=pathlib.Path)
    ap.add_argument('--json', type=pathlib.Path)
    a = ap.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in a.cases.split(','):
        for clock in map(float, a.clock.split(',')):
            try:
                rows.append(measure(name, clock, a))
            except RuntimeError as e:
                say(f'{name} {clock} ns: {e}')
                continue
            say(json.dumps(rows[-1]))
            for path, text in ((a.out, table(rows)), (a.json, json.dumps(rows, indent=1))):
                if path:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
    print(table(rows))
    sys.exit(0 if all(r['meets'] for r in rows) else 1)


if __name__ == '__main__':
    main()
