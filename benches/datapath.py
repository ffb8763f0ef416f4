#!/usr/bin/env python3
"""Samples per second: nn2rtl's scalar program in software beside alkaid's interpreter, same model, one run.

    datapath.py [--nn2rtl target/release/nn2rtl] [--bench EXE] [--model M.keras] [--samples 200000]

Both on one core (this script pins itself to one), float64 arrays in, float64 arrays out, outputs
compared for equality. Times are processor time, taken in turns, the best of several runs, so that
other work on the machine matters little. alkaid is timed inside Python, its `predict` alone; nn2rtl
from outside: the difference between running the predictions often and once in `benches/datapath.rs`.
`with_files` is the whole command, `predict --input X.npy --output Y.npy`, against the same peer.
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

REPEATS = 20


def interpreter(model):
    """alkaid's program for a Keras model."""
    import hgq  # noqa: F401 (registers the layers)
    import keras
    from alkaid.converter import trace_model
    from alkaid.trace import trace

    return trace(*trace_model(keras.models.load_model(model, compile=False)))


def bench_executable():
    """Builds the bench and asks cargo where it is."""
    done = subprocess.run(['cargo', 'bench', '--bench', 'datapath', '--no-run', '--message-format=json'], check=True,
                          stdout=subprocess.PIPE)
    built = [json.loads(it) for it in done.stdout.splitlines()]
    return [it['executable'] for it in built if it.get('executable') and it['target']['name'] == 'datapath'][-1]


def processor_time(*command):
    """Processor time of a command on one thread, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, 'RAYON_NUM_THREADS': '1'})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime - before


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default='target/release/nn2rtl')
    ap.add_argument('--bench', help='benches/datapath.rs, built [default: cargo builds it]')
    ap.add_argument('--model', default='../shared/models/p07_jsc_hgq2_einsum/model.keras')
    ap.add_argument('--data', default='../shared/models/_data/jsc_x.npy')
    ap.add_argument('--samples', type=int, default=200000)
    ap.add_argument('--runs', type=int, default=5)
    a = ap.parse_args()
    bench = a.bench or bench_executable()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = np.load(a.data).astype(np.float64)
    x = np.resize(data, (a.samples, data.shape[1]))
    program = interpreter(a.model)
    ours, peer, files = [], [], []
    with tempfile.TemporaryDirectory() as work:
        project, inputs, outputs = f'{work}/project', f'{work}/x.npy', f'{work}/y.npy'
        np.save(inputs, x)
        processor_time(a.nn2rtl, 'build', a.model, '--target', 'xcvu9p', '--flow', 'rtl', '-o', project)
        for _ in range(a.runs):
            once = processor_time(bench, project, inputs, outputs, '1')
            often = processor_time(bench, project, inputs, outputs, str(1 + REPEATS))
            ours.append((often - once) / REPEATS)
            files.append(processor_time(a.nn2rtl, 'predict', a.model, '--engine', 'datapath', '--input', inputs,
                                        '--output', f'{work}/z.npy'))
            t = time.process_time()
            want = program.predict(x, n_threads=1)
            peer.append(time.process_time() - t)
        equal = all((np.load(f'{work}/{it}.npy').reshape(want.shape) == want).all() for it in 'yz')
    rate = lambda seconds: round(a.samples / min(seconds))
    print(json.dumps({
        'equal': bool(equal),
        'samples': a.samples,
        'nn2rtl_samples_per_s': rate(ours),
        'nn2rtl_with_files_samples_per_s': rate(files),
        'alkaid_samples_per_s': rate(peer),
        'ratio': round(min(peer) / min(ours), 1),
    }))


if __name__ == '__main__':
    main()
