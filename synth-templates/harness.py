"""Yosys (pyosys) for nn2rtl: puts a harness around a netlist.

The job is one JSON object: `design`, the netlist, and `top`, its module; `harness`, a file, and `module`, what is in
it; `synth`, the command for the harness; `netlist`: the file for both. The harness is synthesised around a black box,
and the netlist put into it afterwards, so that neither changes the other.
"""
import json
import sys

from pyosys import libyosys as ys

job = json.loads(sys.argv[1])
design = ys.Design()


def run(*commands):
    for command in commands:
        ys.run_pass(command, design)


top, module = job['top'], job['module']
run(f'read_json {job["design"]}', f'blackbox {top}', f'read_verilog -sv {job["harness"]}', f'{job["synth"]} -top {module}')
# The equals sign: black boxes too.
run(f'delete ={top}', f'read_json {job["design"]}', f'hierarchy -top {module}', 'flatten', f'json -o {job["netlist"]} {module}')
