#!/usr/bin/env python3
"""Markdown of the numbers of `../shared/bench/cmvm.py`.

    tables.py cmvm CMVM.json
"""
import json
import sys


def cmvm(rows):
    lines = ['| matrix | extra depth | adder bits alkaid | nn2rtl | ratio | depth alkaid | nn2rtl | seconds alkaid | nn2rtl | ratio | exact |',
             '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|']
    for r in rows:
        b, o = r.get('alkaid'), r.get('nn2rtl')
        of = lambda it, key, digits: f'{it[key]:,.{digits}f}' if it else '–'
        ratio = f"{r['bits_ratio']:.4f}" if 'bits_ratio' in r else '–'
        faster = f"{r['speedup']:.1f}" if 'speedup' in r else '–'
        exact = all(it['exact'] for it in (b, o) if it)
        lines.append(f"| {r['case']} | {r['delay'] if r['delay'] is not None else 'any'} | {of(b, 'adder_bits', 0)} | {of(o, 'adder_bits', 0)} | {ratio} "
                     f"| {of(b, 'depth', 1)} | {of(o, 'depth', 1)} | {of(b, 'seconds', 4)} | {of(o, 'seconds', 4)} | {faster} | {'yes' if exact else '**no**'} |")
    return '\n'.join(lines)


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] != 'cmvm':
        sys.exit(__doc__)
    print(cmvm(json.load(open(sys.argv[2]))))
