"""Yosys (pyosys) for nn2rtl: reads a design, synthesises it, counts the cells of every module.

The job is one JSON object: `read` and `synth`, commands of Yosys, with `{top}` for what is synthesised;
`apart`: every instance of the top alone, as some passes take longer than in proportion to the design; `logic`: what
of an instance multiplies without blocks; `cells`: the file for the counts; `netlist`: one for the flat netlist, if any.
"""
import json
import sys

from pyosys import libyosys as ys

job = json.loads(sys.argv[1])
design = ys.Design()


def run(*commands):
    for command in commands:
        ys.run_pass(command, design)


def cells():
    run(f'tee -q -o {job["cells"]} stat -json')
    with open(job['cells']) as file:
        modules = json.load(file)['modules']
    return {name.lstrip('\\'): it.get('num_cells_by_type', {}) for name, it in modules.items()}


def flat(command):
    return command.replace(' -noflatten', '') if ' -noflatten' in command else command.replace(' -top', ' -flatten -top')


def synthesised(top):
    begin, *rest = (it.replace('{top}', top) for it in job['synth'])
    own = '*' + top.split('.')[-1]
    logic = [f'booth {own}*'] if f'{own}.i_array' in job['logic'] else []
    # What an array gets at its ports is constant, which shows only where there are none.
    if job['apart'] and any(it.name.str().startswith('\\nn_mac_array$') for it in design.modules_.values()):
        begin, rest = flat(begin), [flat(it) for it in rest]
    run(begin, *logic, *rest)
    return cells()


def instances(name):
    """The modules of a module's instances."""
    module = next(it for it in design.modules_.values() if it.name.str() == '\\' + name)
    kinds = {it.type.str().lstrip('\\') for it in module.cells_.values()}
    known = {it.name.str().lstrip('\\') for it in design.modules_.values()}
    return sorted(kinds & known)


run(job['read'])
top = job['top']
if job['apart']:
    run('design -save all')
    parts, found = instances(top), {}
    for part in parts:
        run('design -load all', f'hierarchy -top {part}')
        found.update(synthesised(part))
    run('design -load all', *(f'blackbox {it}' for it in parts), f'hierarchy -top {top}')
    found[top] = synthesised(top)[top]
else:
    found = synthesised(top)
with open(job['cells'], 'w') as file:
    json.dump(found, file)
if job['netlist']:
    # The library's modules, which are there too, have processes that no netlist can hold.
    run(f'json -o {job["netlist"]} {top}')
