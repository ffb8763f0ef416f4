"""Yosys (pyosys) for nn2rtl: puts a harness around a netlist.

The job is one JSON object: `design`, the netlist, and `top`, its module; `harness`, a file, and `module`, what is in
it; `synth`, the command for the harness; `probes`, types of cells and pins of theirs at which nextpnr ends no path;
`open`, pins that it wants open where they are zero; `netlist`: the file for both. The harness is synthesised around a black box, and the netlist put into it afterwards, so that neither
changes the other.
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

# A register beside each of those pins, so that the path to it counts.
with open(job['netlist']) as file:
    netlist = json.load(file)
cells = netlist['modules'][module]['cells']
fixed = {bit for it in cells.values() if it['type'] in ('GND', 'VCC') for bits in it['connections'].values() for bit in bits}
ends = {bit: it['connections']['CLK'] for it in cells.values() for kind, pin in job['probes'] if it['type'] == kind
        for bit in it['connections'][pin] if isinstance(bit, int) and bit not in fixed}
last = max(bit for it in cells.values() for bits in it['connections'].values() for bit in bits if isinstance(bit, int))
for at, (bit, clock) in enumerate(sorted(ends.items())):
    cells[f'probe{at}'] = {
        'hide_name': 0, 'type': 'DFF', 'parameters': {}, 'attributes': {},
        'port_directions': {'CLK': 'input', 'D': 'input', 'Q': 'output'},
        'connections': {'CLK': clock, 'D': [bit], 'Q': [last + 1 + at]},
    }
low = {'0', 'x'} | {bit for it in cells.values() if it['type'] in ('GND', 'VLO') for bits in it['connections'].values() for bit in bits}
for it in cells.values():
    for kind, pin in job['open']:
        bits = it['connections'].get(pin, [])
        if it['type'] == kind and all(bit in low for bit in bits):
            it['connections'].pop(pin, None)
            it['port_directions'].pop(pin, None)
with open(job['netlist'], 'w') as file:
    json.dump(netlist, file)
