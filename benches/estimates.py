#!/usr/bin/env python3
"""How good are the estimates? Lookup tables against Yosys, clocks against nextpnr, over layers and networks.

    estimates.py [--only PART] [--kept] [--device lfe5u-85] [--seed 1] [--nn2rtl PATH] [--work DIR] [--out TABLE.md]

Every design is built by `nn2rtl build --flow rtl` at a clock for ECP5, where open tools place and route, and goes through
`synth --tool nextpnr` (Yosys `synth_ecp5 -abc9`, flat, then nextpnr out of context). Beside each other:

* LUT: what `build` estimates before any tool runs, and what Yosys makes of the same layers with their hierarchy kept (the
  handshake around them, a FIFO and a counter, is in neither);
* ns: the longest path that the delay model promises (the clock less the slack), that of our static timing of Yosys'
  netlist by the same table of delays, and what nextpnr reaches.

Medians and the worst of each follow. Cycles are not here: they are exact, which `cosim` tests.
"""
import argparse
import hashlib
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from paths import nn2rtl  # noqa: E402

REPO = pathlib.Path(__file__).resolve().parent.parent
OWN, SHARED = REPO / 'tests/models', REPO / '../shared'


def designs():
    """Names, models and options: layers of all kinds, whole networks, clocks, folded ones, streams."""
    for name in ('hgq2_digits.keras', 'hgq2_digits_bn.keras', 'hgq2_jets.keras', 'hgq2_rest.keras', 'hgq1_proxy.h5',
                 'hls4ml_dot.keras', 'hls4ml_einsum_dense.keras', 'k2_binary.h5', 'k3_ops.keras',
                 'onnx_channels_last.onnx', 'onnx_trunc.onnx', 'qk2_pools.h5'):
        yield name, OWN / name, []
    for name in ('graph.onnx', 'hgq2_mlp.keras', 'hgq2_rest.keras', 'hls4ml_dot.keras', 'hls4ml_embedding.keras', 'hls4ml_pool.keras',
                 'k2_aliases.h5',
                 'k2_shapes.h5', 'onnx_later.onnx', 'onnx_qdq.onnx', 'onnx_sums.onnx', 'ranks.onnx', 't_cells.pt2', 't_more.pt2',
                 't_ranks.pt2', 't_strides.pt2', 'hls4ml_einsum_dense.keras', 'k3_ops.keras', 'onnx_trunc.onnx', 'qk2_pools.h5'):
        yield f'{name} 4 bits', OWN / name, ['--precision', 'fixed<4,2>']
    for name in ('graph.onnx', 'hls4ml_einsum_dense.keras', 'k2_binary.h5', 'k2_aliases.h5', 'ranks.onnx', 't_strides.pt2'):
        yield f'{name} 6 bits', OWN / name, ['--precision', 'fixed<6,3>']
    for clock in (7, 14, 25):
        yield f'hgq2_jets at {clock} ns', OWN / 'hgq2_jets.keras', ['--clock', clock]
    for name in ('hls4ml_einsum_dense.keras', 'k2_aliases.h5', 'k2_binary.h5', 'onnx_channels_last.onnx', 'onnx_qdq.onnx',
                 't_cells.pt2'):
        yield f'{name} stream, reuse 4', OWN / name, ['--precision', 'fixed<4,2>', '--io', 'stream', '--reuse', 4]
    yield 'p07', SHARED / 'models/p07_jsc_hgq2_einsum/model.keras', []


def measure(args, name, model, options):
    """What is estimated, and what the tools find, which is kept for the same RTL."""
    folder = args.work / ''.join(it if it.isalnum() else '_' for it in name)
    clock = [] if '--clock' in options else ['--clock', 10]
    nn2rtl(args, 'build', model, '-o', folder, '--flow', 'rtl', '--target', args.device, '--dsp', 'none', '--force',
           *clock, *options)
    manifest = json.loads((folder / 'nn2rtl.json').read_text())
    total, rtl = manifest['comparison']['total']['rtl'], manifest['rtl']
    if total['lut']['value'] > args.most:
        raise RuntimeError(f'{total["lut"]["value"]:.0f} LUT, more than --most')
    key = hashlib.sha256(b''.join((folder / it).read_bytes() for it in rtl['sources']))
    key.update(json.dumps([args.device, args.seed]).encode())
    kept = args.work / f'{key.hexdigest()[:20]}.json'
    if not kept.exists():
        if args.kept:
            raise RuntimeError('no tool has run')
        layers = nn2rtl(args, 'synth', folder, '--no-dsp')['synthesis']['layers']
        found = nn2rtl(args, 'synth', folder, '--tool', 'nextpnr', '--no-dsp', '--seed', args.seed)['synthesis']
        tools = {'yosys': sum(it[1]['lut'] for it in layers), 'placed': 1000 / found['fmax_mhz'],
                 'timing': found['timing']['period_ns']}
        kept.write_text(json.dumps(tools))
    return {
        'name': name,
        'lut': total['lut']['value'],
        'promised': manifest['comparison']['clock_ns'] - rtl['slack_ns'],
        **json.loads(kept.read_text()),
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--only', default='')
    ap.add_argument('--kept', action='store_true', help='no tools: estimates anew beside what they found before')
    ap.add_argument('--device', default='lfe5u-85')
    ap.add_argument('--most', type=float, default=12000, help='skip designs estimated larger')
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--nn2rtl', default=str(REPO / 'target/release/nn2rtl'))
    ap.add_argument('--work', type=pathlib.Path, default=REPO / 'out/bench/estimates')
    ap.add_argument('--out', type=pathlib.Path)
    args = ap.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, model, options in designs():
        if args.only not in name:
            continue
        try:
            rows.append(measure(args, name, model, options))
            print(time.strftime('%H:%M:%S'), rows[-1], file=sys.stderr, flush=True)
        except RuntimeError as error:
            print(time.strftime('%H:%M:%S'), 'left out', name, error, file=sys.stderr, flush=True)
    lines = ['| design | LUT estimated | Yosys | | ns promised | netlist | placed | | |', '|---|---|---|---|---|---|---|---|---|']

    def off(part, whole):
        return 100 * (part / whole - 1)

    for it in rows:
        lines.append(f'| {it["name"]} | {it["lut"]:.0f} | {it["yosys"]} | {off(it["lut"], it["yosys"]):+.0f} % | {it["promised"]:.2f} '
                     f'| {it["timing"]:.2f} | {it["placed"]:.2f} | {off(it["promised"], it["placed"]):+.0f} % | {off(it["timing"], it["placed"]):+.0f} % |')
    lines.append('')
    for what, part, whole in (('LUT', 'lut', 'yosys'), ('promised clock', 'promised', 'placed'), ('netlist timing', 'timing', 'placed')):
        errors = [abs(off(it[part], it[whole])) for it in rows]
        signed = [off(it[part], it[whole]) for it in rows]
        lines.append(f'{what}: median error {statistics.median(errors):.1f} %, worst {max(errors):.0f} %, '
                     f'median {statistics.median(signed):+.1f} %, {len(rows)} designs')
    text = '\n'.join(lines) + '\n'
    print(text) if args.out is None else args.out.write_text(text)


main()
