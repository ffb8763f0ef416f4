#!/usr/bin/env python3
"""HLS beside direct RTL, both measured: Google XLS and our SystemVerilog from the same model, by the same tools.

    paths.py [--cases p07,digits,p02,p02-8,p05,digits4] [--clock 5] [--target xcvu9p] [--place p07,digits,p02,p02-8,p05]
             [--ecp5-clock 10] [--uncertainty 0%,30%,...] [--minutes M] [--jobs N] [--nn2rtl PATH] [--work DIR] [--out TABLE.md]

Every case is built with `--hls xls`. `cosim` gives the cycles of both paths (and equality with the emulator in every
bit); `synth --tool timing` what Yosys makes of them, flat, and the longest path of that netlist by the delays of the device (an
estimate, the same one for both). ns = cycles x that path. p07, which is parallel, has no DSP blocks, so that lookup tables tell
everything; the others, which are folded, have their products in them. XLS is given the clock by its own delays, which are those of an
ASIC process: a `ClockUncertainty` makes it shorter, and so the pipeline deeper. Those that are tried (UNCERTAINTY, or --uncertainty) have
a row each. Cases of `--place` are placed and routed besides, on an ECP5 (lfe5u-85, built for it at --ecp5-clock), for which ns =
cycles x what nextpnr reaches; those of ROUTER2 by its second router. The table is written after every case.

XLS is not Vitis: what Vitis makes of our C++ needs its licence; its row is what `build` estimates (src/estimate/hls), at the clock asked
for. Plain multiplications are what a user of
HLS writes; sharing between the products of a matrix is what the direct path adds.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

REPO = pathlib.Path(__file__).resolve().parent.parent
MODELS = REPO / '../shared/models'
EXAMPLE = REPO / 'examples/digits'
DIGITS = [EXAMPLE / 'digits.keras', '-c', EXAMPLE / 'config.yml', '--calibrate', EXAMPLE / 'x_test.npy']
P02 = [MODELS / 'p02_jsc_mlp_keras2/KERAS_check_best_model.h5', '--reuse', '64', '--dsp', '156']
CASES = {
    'p07': [MODELS / 'p07_jsc_hgq2_einsum/model.keras'],
    'digits': [*DIGITS, '--reuse', '64', '--dsp', '156'],
    'p02': P02,
    'p02-8': [*P02, '-c', {'Model': {'Width': 8}}],
    'p05': [MODELS / 'p05_ad03_qkeras_ae/model_ToyCar.h5', '--reuse', '256', '--dsp', '156'],
    'digits4': [*DIGITS, '--io', 'stream', '--reuse', '4'],
}
# Folded cases: their products are in DSP blocks, where a number is given as many as an LFE5U-85F has.
FOLDED = set(CASES) - {'p07'}
# Parts of the clock that XLS is not given, by whether a case is folded and whether it is placed. In shorter clocks than these, with
# the delays that XLS has, sums of folded cases take two cycles, and everything twice as many.
UNCERTAINTY = {(False, False): '0%,30%', (False, True): '0%,30%', (True, False): '0%,40%', (True, True): '70%'}
# Cases of which the default router does not come to an end with one of the paths (p05, XLS: stopped after 21 minutes of processor
# time): both paths are routed by the other one, for slower clocks.
ROUTER2 = {'p05'}


def say(*parts):
    print(time.strftime('%H:%M:%S'), *parts, file=sys.stderr, flush=True)


def nn2rtl(args, *command, minutes=None):
    """What a command says; it ends after so many minutes, with all that it has started."""
    run = subprocess.Popen([args.nn2rtl, '--json', *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, cwd=REPO, start_new_session=True)
    try:
        told, errors = run.communicate(timeout=minutes and 60 * minutes)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        raise RuntimeError(f'no end in {minutes:g} min') from None
    if run.returncode:
        raise RuntimeError(f'{command[:2]}: {told[-300:]}{errors[-300:]}')
    return json.loads(told)


def vitis(args, case):
    """What we estimate of Vitis HLS for the C++ of the same model."""
    folder = args.work / f'{case}-vitis'
    nn2rtl(args, 'build', *given(args, case, {}), '-o', folder, '--target', args.target, '--clock', args.clock, '--force')
    figures = json.loads((folder / 'nn2rtl.json').read_text())['comparison']['total']['hls']
    assert all(it['source'] == 'estimated' for it in figures.values())
    value = {name: it['value'] for name, it in figures.items()}
    cycles = value['latency_cycles']
    return (case, args.target, 'Vitis HLS, estimated', f'{cycles:.0f}', f'{value["ii"]:.0f}', f'{args.clock:.2f}', f'{cycles * args.clock:,.1f}',
            *(f'{value[it]:,.0f}' for it in ('lut', 'ff', 'dsp', 'bram_kbit')))


def measured(args, case, uncertainty, ecp5):
    """Both paths of a project: cycles, tables, registers, longest path."""
    folder = args.work / f'{case}{"-ecp5" if ecp5 else ""}-{uncertainty.strip("%")}'
    target, clock = ('lfe5u-85', args.ecp5_clock) if ecp5 else (args.target, args.clock)
    nn2rtl(args, 'build', *given(args, case, {'ClockUncertainty': uncertainty}), '-o', folder, '--hls', 'xls',
           '--target', target, '--clock', clock, '--force')
    told = nn2rtl(args, 'cosim', folder, '--samples', 40)
    assert told['cosim']['mismatches'] == 0
    rows = []
    for path, timing in (('rtl', 'timing'), ('hls', 'hls_timing')):
        if path == 'rtl' and uncertainty != asked(args, case, ecp5)[0]:
            continue  # it does not depend on it
        say(case, target, path, uncertainty)
        common = ['synth', folder, '--path', path, *(() if case in FOLDED else ('--no-dsp',))]
        name = 'direct RTL' if path == 'rtl' else f'XLS, clock - {uncertainty}'
        cycles, interval = told[timing]['alone'], told[timing]['interval']['max']
        try:
            tool = 'nextpnr' if ecp5 else 'timing'
            router = ('--router', 'router2') if ecp5 and case in ROUTER2 else ()
            found = nn2rtl(args, *common, '--tool', tool, *router, minutes=args.minutes)['synthesis']
        except RuntimeError as failed:
            say(failed)
            why, counts = ('not routed' if ecp5 else 'failed'), 4 * ['']
            if ecp5:
                total = nn2rtl(args, *common, '--tool', 'timing')['synthesis']['total']
                counts = [f'{total[it]:,}' for it in ('lut', 'ff', 'dsp', 'bram_kbit')]
            rows.append((case, target, name, cycles, interval, why, '', *counts))
            continue
        period, total = 1000 / found['fmax_mhz'], found['total']
        rows.append((case, target, name, cycles, interval, f'{period:.2f}', f'{cycles * period:,.1f}',
                     *(f'{total[it]:,}' for it in ('lut', 'ff', 'dsp', 'bram_kbit'))))
    return rows


def asked(args, case, ecp5):
    """The uncertainties that XLS is asked for."""
    return (args.uncertainty or UNCERTAINTY[case in FOLDED, ecp5]).split(',')


def given(args, case, more):
    """A case's model and options, with more in its configuration."""
    options = list(CASES[case])
    own = {}
    if '-c' in options:
        at = options.index('-c')
        own = options[at + 1]
        del options[at:at + 2]
        if not isinstance(own, dict):
            import yaml

            own = yaml.safe_load(pathlib.Path(own).read_text())
    config = args.work / f'{case}.json'
    config.write_text(json.dumps({**own, **more}))
    return [*options, '-c', config]


def rows(args, case):
    """All rows of a case."""
    found = [vitis(args, case)]
    for ecp5 in (False, True) if case in args.place.split(',') else (False,):
        for uncertainty in asked(args, case, ecp5):
            found += measured(args, case, uncertainty, ecp5)
            say(*found[-2:])
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--cases', default=','.join(CASES))
    ap.add_argument('--place', default='p07,digits,p02,p02-8,p05')
    ap.add_argument('--clock', type=float, default=5)
    ap.add_argument('--ecp5-clock', type=float, default=10)
    ap.add_argument('--target', default='xcvu9p')
    ap.add_argument('--uncertainty', help='the same for all cases')
    ap.add_argument('--minutes', type=float, help='how long a synthesis may take; without, for ever. What was not routed then has the counts of Yosys')
    ap.add_argument('--jobs', type=int, default=1, help='cases side by side')
    ap.add_argument('--nn2rtl', default=str(REPO / 'target/release/nn2rtl'))
    ap.add_argument('--work', type=pathlib.Path, default=REPO / 'out/bench/paths')
    ap.add_argument('--out', type=pathlib.Path)
    args = ap.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    head = ('model', 'device', 'path', 'cycles', 'II', 'ns a cycle', 'ns', 'LUT', 'FF', 'DSP', 'BRAM, kbit')
    lines = ['| ' + ' | '.join(head) + ' |', '|' + 3 * '---|' + (len(head) - 3) * '---:|']

    # The last cases are the largest ones: they begin.
    cases = args.cases.split(',')
    with ThreadPoolExecutor(args.jobs) as pool:
        found = {case: pool.submit(rows, args, case) for case in reversed(cases)}
        for done in as_completed(found.values()):
            done.result()
            table = [row for case in cases if found[case].done() for row in found[case].result()]
            text = '\n'.join([*lines, *('| ' + ' | '.join(map(str, row)) + ' |' for row in table)])
            if args.out is not None:
                args.out.write_text(text + '\n')
    if args.out is None:
        print(text)


if __name__ == '__main__':
    main()
