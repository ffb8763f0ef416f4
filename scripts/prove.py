#!/usr/bin/env python3
"""Proves of the modules of streams what tests/rtl/prove*.sv say, with Yosys (pyosys).

    prove.py [--rtl DIR] [--first] [NAME ...]

NAME is a module of streams (fifo, skid ...); without one all are proved. --rtl is the folder of the modules,
so that others than ours can be tried. --first ends with the first proof that fails. All proofs are by induction: what is proved holds for ever, for the
sizes that are named. Each is a line; the exit code is 1 if one fails: refuted, with the number of cycles
after which something is wrong, or open.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile
import time

# Modules and their sizes.
PROOFS = [
    *(("fifo", {"Depth": depth, "Storage": 0}) for depth in (1, 2, 3)),
    *(("fifo", {"Depth": depth, "Storage": 1}) for depth in (1, 2, 3, 4)),
    *(("fifo", {"Depth": depth, "Storage": 2}) for depth in (3, 4, 5, 6)),
    ("skid", {}),
    *(("fork", {"Readers": readers}) for readers in (1, 2, 3)),
    *(("join", {"Sources": sources}) for sources in (1, 2, 3)),
    *(("collect", {"Ratio": ratio}) for ratio in (2, 3, 4)),
    *(("spread", {"Ratio": ratio, "Repeat": 0}) for ratio in (2, 3, 4)),
    *(("spread", {"Ratio": ratio, "Repeat": 1}) for ratio in (2, 3)),
    *(("last", {"Of": of, "Keep": keep}) for of, keep in ((2, 1), (4, 1), (4, 3))),
    *(("reduce", {"Steps": steps}) for steps in (2, 3, 4)),
    *(("state", {"Steps": steps}) for steps in (2, 3, 4)),
    *(("credit", {"Latency": n, "Credits": credits}) for n, credits in ((1, 3), (3, 3), (3, 5))),
    *(("beats", {"Beats": beats}) for beats in (2, 3, 4)),
]

# To cells that `sat` knows; memories become registers, and what nothing drives is free.
CELLS = [
    "proc",
    "flatten",
    "memory_map",
    "opt -full",
    "dffunmap",
    "async2sync",
    "opt_clean",
    "setundef -undriven -anyseq",
]

# Ours close after one step. What is wrong shows within so many cycles from reset.
MOST_STEPS = 12


def prove(ys, sources, rtl, name, parameters):
    """What is known of a module in the end: `proved`, or why not."""
    design = ys.Design()
    given = " ".join(f"-G {key}={value}" for key, value in parameters.items())
    files = " ".join(map(str, sources))
    ys.run_pass(f"read_slang -D SYNTHESIS -I {rtl} {given} --top prove_{name} {files}", design)
    for command in CELLS:
        ys.run_pass(command, design)
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        sat = f"sat -tempinduct -maxsteps {MOST_STEPS} -prove good_o 1 -set fine_o 1"
        ys.run_pass(f"tee -q -o {log.name} {sat}", design)
        said = log.read()
    if "Induction step proven: SUCCESS!" in said:
        return "proved"
    if "model found for base case: FAIL!" in said:
        cycles = re.findall(r"\[base case (\d+)\]", said)
        return f"REFUTED after {cycles[-1]} cycles"
    return f"OPEN after {MOST_STEPS} steps"


def main():
    about = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).resolve().parent.parent
    about.add_argument("--rtl", type=pathlib.Path, default=here / "rtl-templates")
    about.add_argument("--first", action="store_true")
    about.add_argument("names", nargs="*", metavar="NAME")
    asked = about.parse_args()
    known = sorted({it[0] for it in PROOFS})
    unknown = [it for it in asked.names if it not in known]
    if unknown:
        about.error(f"nothing is proved of {', '.join(unknown)}; there are {', '.join(known)}")
    try:
        from pyosys import libyosys as ys
    except ImportError:
        sys.exit("prove: no pyosys; scripts/setup.sh --place installs it")
    # Yosys tells everything that it does; its errors go to stderr.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    tests = here / "tests/rtl"
    sources = [*sorted(tests.glob("prove*.sv")), tests / "alone.sv", *sorted(asked.rtl.glob("*.sv"))]
    failed = False
    for name, parameters in PROOFS:
        if asked.names and name not in asked.names:
            continue
        start = time.monotonic()
        result = prove(ys, sources, asked.rtl, name, parameters)
        failed = failed or result != "proved"
        sizes = "".join(f" {key}={value}" for key, value in parameters.items())
        print(f"nn_{name}{sizes}: {result} ({time.monotonic() - start:.1f} s)", file=told, flush=True)
        if failed and asked.first:
            break
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
