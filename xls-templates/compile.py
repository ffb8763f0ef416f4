"""Compiles a DSLX function to a pipeline in SystemVerilog with XLS, and says in JSON what it made."""

import argparse
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

from xls import c_api as xls

# Characters of the program from which on every operation is scheduled as soon as it can be: then 24 GB do not do.
LARGE = 4_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='the DSLX file')
    parser.add_argument('top', help='its function')
    parser.add_argument('--out', type=Path, required=True, help='the SystemVerilog file')
    parser.add_argument('--module', help='name of the module; default: TOP_xls')
    parser.add_argument('--period', type=int, default=5000, help='clock period, ps')
    parser.add_argument('--stages', type=int, help='pipeline stages, in place of a period')
    parser.add_argument('--delays', default='sky130', help="XLS's delay model")
    args = parser.parse_args()
    folder = str(args.source.parent)
    ir = xls.convert_dslx_path_to_ir(str(args.source), additional_search_paths=[folder])
    top = xls.mangle_dslx_name(args.source.stem, args.top)
    optimized = xls.optimize_ir(ir, top)
    package = xls.Package.parse_ir(optimized)
    # The scheduler that has the fewest registers needs memory by the square of the operations.
    schedule = 'sdc' if len(optimized) < LARGE else 'asap'
    pace = {'pipeline_stages': args.stages} if args.stages else {'clock_period_ps': args.period}
    made = package.schedule_and_codegen(
        with_delay_model=True,
        generator='pipeline',
        module_name=args.module or f'{args.top}_xls',
        use_system_verilog=True,
        flop_inputs=True,
        flop_outputs=True,
        input_valid_signal='in_valid',
        output_valid_signal='out_valid',
        reset='rst',
        delay_model=args.delays,
        scheduling_strategy=schedule,
        **pace,
    )
    text = made.get_verilog_text()
    args.out.write_text(text)
    # Every rank of registers has such a comment.
    ranks = len(set(re.findall(r'// Registers for pipe stage (\d+):', text)))
    told = {
        'version': version('xls-python'),
        'ranks': ranks,
        'period_ps': args.period,
        'delays': args.delays,
        'schedule': schedule,
    }
    json.dump(told, sys.stdout)


main()
