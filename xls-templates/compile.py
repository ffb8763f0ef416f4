"""Compiles DSLX functions and procs to pipelines in SystemVerilog with XLS, and says in JSON what it made."""

import argparse
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

from xls import c_api as xls

# Characters of the program from which on every operation is scheduled as soon as it can be: then 24 GB do not do.
LARGE = 4_000_000

# Characters of a line of SystemVerilog that is broken at its commas.
LONG = 4_000

FUNCTION = {'flop_inputs': True, 'input_valid_signal': 'in_valid', 'output_valid_signal': 'out_valid'}

# A FIFO stands in front of every channel: its output needs no registers.
PROC = {
    'flop_inputs': False,
    'streaming_channel_data_suffix': '_data',
    'streaming_channel_valid_suffix': '_valid',
    'streaming_channel_ready_suffix': '_ready',
}


def wrapped(line: str) -> str:
    """A line that tools can read: Verilator stops in the middle of those of tables."""
    return line if len(line) < LONG else line.replace(', ', ',\n    ')


def compiled(source: Path, args: argparse.Namespace) -> dict:
    """Makes a module of the proc of a file, or of the function that is called as the file."""
    ir = xls.convert_dslx_path_to_ir(str(source), additional_search_paths=[str(source.parent)])
    proc = re.search(r'^(?:top )?proc (\w+)', ir, re.MULTILINE)
    top = proc.group(1) if proc else xls.mangle_dslx_name(source.stem, source.stem)
    optimized = xls.optimize_ir(ir, top)
    # The scheduler that has the fewest registers needs memory by the square of the operations.
    schedule = 'sdc' if len(optimized) < LARGE else 'asap'
    pace = {'pipeline_stages': args.stages} if args.stages else {'clock_period_ps': args.period}
    interval = 1
    while True:
        try:
            made = xls.Package.parse_ir(optimized).schedule_and_codegen(
                with_delay_model=True,
                generator='pipeline',
                module_name=args.module.format(source.stem),
                use_system_verilog=True,
                flop_outputs=True,
                reset_data_path=False,
                reset='rst',
                delay_model=args.delays,
                scheduling_strategy=schedule,
                worst_case_throughput=interval,
                **(PROC if proc else FUNCTION),
                **pace,
            )
            break
        except RuntimeError as error:
            # What a state needs of itself is not there a cycle later in so short a clock.
            slower = re.search(r'worst_case_throughput=(\d+)', str(error))
            if not slower or int(slower.group(1)) <= interval:
                raise SystemExit(f'{source.name}: {error}') from error
            interval = int(slower.group(1))
    text = ''.join(map(wrapped, made.get_verilog_text().splitlines(keepends=True)))
    (args.out / f'{source.stem}.sv').write_text(text)
    # A function's ranks of registers have such a comment each. Between stages of a proc each has such a bit; one is behind.
    names = r'reg p(\d+)_inputs_valid' if proc else r'// Registers for pipe stage (\d+):'
    ranks = len(set(re.findall(names, text)))
    return {'file': source.stem, 'ranks': ranks + bool(proc), 'interval': interval, 'schedule': schedule}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('sources', type=Path, nargs='+', help='DSLX files')
    parser.add_argument('--out', type=Path, required=True, help='the folder for the SystemVerilog')
    parser.add_argument('--module', default='{}_xls', help='name of a module; {} is the name of its file')
    parser.add_argument('--period', type=int, default=5000, help='clock period, ps')
    parser.add_argument('--stages', type=int, help='pipeline stages, in place of a period')
    parser.add_argument('--delays', default='sky130', help="XLS's delay model")
    args = parser.parse_args()
    modules = [compiled(it, args) for it in args.sources]
    told = {
        'version': version('xls-python'),
        'period_ps': args.period,
        'delays': args.delays,
        'modules': modules,
    }
    json.dump(told, sys.stdout)


main()
