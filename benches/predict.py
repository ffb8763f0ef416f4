#!/usr/bin/env python3
"""Samples per second: nn2rtl's emulator beside hls4ml's compiled library, same model, one run.

    predict.py [--nn2rtl target/release/nn2rtl] [--model M.h5] [--samples 200000] [--golden G.npz]

Both on one core, both with hls4ml's default configuration (fixed<16,6> everywhere) or the one of a golden
file (`../shared/oracle/hls4ml_golden.py`), whose inputs are repeated then; outputs compared for equality.
Also the time from the model file to the first prediction: hls4ml compiles C++ for it.
Peer: `pip install hls4ml==1.3.0 keras jax` and g++ (files of Keras 2: `tensorflow==2.15` instead of keras
and jax); run with that interpreter.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

os.environ.setdefault('KERAS_BACKEND', 'jax')
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np


def ours(exe, model, config, x, work):
    np.save(f'{work}/x.npy', x)
    np.save(f'{work}/one.npy', x[:1])
    run = lambda *args: subprocess.run([exe, *args], check=True, capture_output=True,
                                       env={**os.environ, 'RAYON_NUM_THREADS': '1'})
    t = time.perf_counter()
    run('predict', model, '-c', config, '--input', f'{work}/one.npy', '--output', f'{work}/y1.npy')
    first = time.perf_counter() - t
    t = time.perf_counter()
    run('predict', model, '-c', config, '--input', f'{work}/x.npy', '--output', f'{work}/y.npy')
    total = time.perf_counter() - t
    # The fixed cost (reading, compiling the graph) is that of the run with one sample.
    return np.load(f'{work}/y.npy'), first, len(x) / (total - first), len(x) / total


def peer(model, meta, x, work):
    import hls4ml
    import keras

    t = time.perf_counter()
    net = keras.models.load_model(model, compile=False)
    cfg = meta['config'] or hls4ml.utils.config_from_keras_model(net, granularity='model', backend='Vitis')
    hls = hls4ml.converters.convert_from_keras_model(net, hls_config=cfg, output_dir=f'{work}/hls', backend='Vitis',
                                                     io_type=meta['io'])
    hls.compile()
    hls.predict(np.ascontiguousarray(x[:1]))
    first = time.perf_counter() - t
    t = time.perf_counter()
    y = hls.predict(np.ascontiguousarray(x))
    return y, first, len(x) / (time.perf_counter() - t)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--model', default='../shared/models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5')
    ap.add_argument('--data', default='../shared/models/_data/jsc_x.npy')
    ap.add_argument('--samples', type=int, default=200000)
    ap.add_argument('--peer-samples', type=int, default=20000)
    ap.add_argument('--golden')
    a = ap.parse_args()
    meta = {'config': None, 'io': 'io_parallel'}
    config = {'Model': {'Precision': 'fixed<16,6>', 'Compat': 'hls4ml'}}
    data = np.load(a.data).astype(np.float32)
    if a.golden:
        golden = np.load(a.golden)
        meta, data = json.loads(str(golden['meta'])), golden['x0']
        # Printing every layer's values would be what is measured.
        for layer in meta['config'].get('LayerName', {}).values():
            layer['Trace'] = False
        config = {**meta['config'], 'Compat': 'hls4ml'}
    x = np.resize(data, (a.samples, *data.shape[1:]))
    with tempfile.TemporaryDirectory() as work:
        with open(f'{work}/config.json', 'w') as f:
            json.dump(config, f)
        y, first, rate, overall = ours(a.nn2rtl, a.model, f'{work}/config.json', x, work)
        few = x[:a.peer_samples]
        want, peer_first, peer_rate = peer(a.model, meta, few, work)
        print(json.dumps({
            'equal': bool((y[:len(few)].reshape(want.shape) == want.astype(np.float64)).all()),
            'nn2rtl': {'samples_per_s': round(rate), 'with_files': round(overall), 'first_prediction_s': round(first, 3)},
            'hls4ml': {'samples_per_s': round(peer_rate), 'first_prediction_s': round(peer_first, 2)},
            'ratio': round(rate / peer_rate, 1),
        }))


if __name__ == '__main__':
    main()
