#!/usr/bin/env python3
"""Samples per second: nn2rtl's scalar program in software beside alkaid's interpreter, same model, one run.

    datapath.py [--nn2rtl target/release/nn2rtl] [--model M.keras] [--samples 400000] [--runs 5]

Both on one core (this script pins itself to one), float64 in, float64 out, outputs compared for
equality. Times are processor time, the best of several runs, taken in turns, so that other work on the
machine matters little. alkaid is timed inside Python, its `predict` alone. nn2rtl is timed from
outside, as whole processes: the time for all samples less the time for one sample, which leaves
reading and writing the .npy files in.
Peer: `pip install alkaid==0.8.2 hgq2==0.2.0 keras jax`; run with that interpreter.
"""
import argparse
import json
import os
import resource
import subprocess
import tempfile
import time

os.environ.setdefault('KERAS_BACKEND', 'jax')
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np


def children():
    """Processor time of all child processes so far, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interpreter(model):
    """alkaid's program for a Keras model."""
    import hgq  # noqa: F401 (registers the layers)
    import keras
    from alkaid.converter import trace_model
    from alkaid.trace import trace

    return trace(*trace_model(keras.models.load_model(model, compile=False)))


def ours(a, x, y):
    t = children()
    subprocess.run([a.nn2rtl, 'predict', a.model, '--engine', a.engine, '--input', x, '--output', y], check=True,
                   capture_output=True, env={**os.environ, 'RAYON_NUM_THREADS': '1'})
    return children() - t


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--model', default='../shared/models/p07_jsc_hgq2_einsum/model.keras')
    ap.add_argument('--data', default='../shared/models/_data/jsc_x.npy')
    ap.add_argument('--engine', default='datapath')
    ap.add_argument('--samples', type=int, default=400000)
    ap.add_argument('--runs', type=int, default=5)
    a = ap.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = np.load(a.data).astype(np.float64)
    x = np.resize(data, (a.samples, data.shape[1]))
    program = interpreter(a.model)
    first, whole, peer = [], [], []
    with tempfile.TemporaryDirectory() as work:
        np.save(f'{work}/one.npy', x[:1])
        np.save(f'{work}/x.npy', x)
        for _ in range(a.runs):
            first.append(ours(a, f'{work}/one.npy', f'{work}/y1.npy'))
            whole.append(ours(a, f'{work}/x.npy', f'{work}/y.npy'))
            t = time.process_time()
            want = program.predict(x, n_threads=1)
            peer.append(time.process_time() - t)
        y = np.load(f'{work}/y.npy').reshape(want.shape)
    rate = a.samples / (min(whole) - min(first))
    peer_rate = a.samples / min(peer)
    print(json.dumps({
        'equal': bool((y == want).all()),
        'samples': a.samples,
        'nn2rtl_with_files_samples_per_s': round(rate),
        'alkaid_samples_per_s': round(peer_rate),
        'ratio': round(rate / peer_rate, 1),
    }))


if __name__ == '__main__':
    main()
