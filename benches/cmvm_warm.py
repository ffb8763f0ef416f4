#!/usr/bin/env python3
"""Adder graphs of small matrices, both tools warm: the shortest of many solutions in one process.

    cmvm_warm.py [--nn2rtl PATH] [--cmvm ../shared/bench/cmvm.py] [--cases dense8:8,dense8:16] [--seeds 4] [--repeat 20]

`../shared/bench/cmvm.py` measures alkaid in a process that has solved before and nn2rtl in one that has just started, which
takes as long as a small matrix. Here nobody has to wait for pages of its own program.

Peer: `pip install alkaid==0.8.2`; run with that interpreter.
"""
import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np

REPO = pathlib.Path(__file__).resolve().parent.parent


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nn2rtl', default=REPO / 'target/release/nn2rtl')
    ap.add_argument('--cmvm', default=REPO / '../shared/bench/cmvm.py')
    ap.add_argument('--cases', default='dense8:8,dense8:16')
    ap.add_argument('--seeds', type=int, default=4)
    ap.add_argument('--repeat', type=int, default=20)
    a = ap.parse_args()
    spec = importlib.util.spec_from_file_location('cmvm', a.cmvm)
    shared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    print('| matrix | extra depth | ms alkaid | nn2rtl | ratio |\n|---|---|---:|---:|---:|')
    for case in a.cases.split(','):
        kind, n = case.split(':')
        for limit in (None, 2, 0):
            theirs, ours = [], []
            for seed in range(a.seeds):
                matrix = shared.make(kind, int(n), seed)
                theirs.append(min(shared.run_alkaid(matrix, limit, True)['seconds'] for _ in range(a.repeat)))
                with tempfile.NamedTemporaryFile(suffix='.npy') as file:
                    np.save(file, matrix.astype(np.int64))
                    file.flush()
                    command = [a.nn2rtl, 'cmvm', file.name, '--json', '--repeat', a.repeat]
                    command += [] if limit is None else ['--delay-limit', limit]
                    found = subprocess.run([*map(str, command)], capture_output=True, check=True, text=True)
                ours.append(json.loads(found.stdout)['seconds'])
            x, y = statistics.mean(theirs) * 1000, statistics.mean(ours) * 1000
            print(f"| {case} | {'none' if limit is None else limit} | {x:.2f} | {y:.2f} | {x / y:.1f} |")


if __name__ == '__main__':
    main()
