"""Runs a DSLX function on samples with XLS's JIT: JSON on stdin, JSON on stdout.

In: {"inputs": [[bits of an element, elements], ...], "outputs": ..., "samples": [[port, ...], ...]}, in hexadecimal,
elements from the low bits on; a port with 0 elements is a vector. Out: of each sample what the function gives,
by port, likewise.
"""

import json
import sys

from xls import c_api as xls


def value(bits: int, count: int, number: int) -> xls.Value:
    def one(number: int) -> xls.Value:
        data = number.to_bytes((bits + 7) // 8, 'little')
        return xls.Value.from_bits(xls.Bits.from_bytes(bits, data))

    mask = (1 << bits) - 1
    if count == 0:  # a vector
        return one(number)
    return xls.Value.make_array([one(number >> (bits * i) & mask) for i in range(count)])


def number(value: xls.Value, bits: int, count: int) -> int:
    def one(value: xls.Value) -> int:
        return int.from_bytes(bytes(value.get_bits().to_bytes()), 'little')

    if count == 0:
        return one(value)
    return sum(one(value.get_element(i)) << (bits * i) for i in range(count))


def main() -> None:
    source, top, folder = sys.argv[1:]
    job = json.load(sys.stdin)
    ir = xls.convert_dslx_path_to_ir(source, additional_search_paths=[folder])
    name = xls.mangle_dslx_name(top, top)
    package = xls.Package.parse_ir(xls.optimize_ir(ir, name))
    function = package.get_function(name).to_jit()
    ins, outs = job['inputs'], job['outputs']
    rows = []
    for sample in job['samples']:
        args = [value(*port, int(text, 16)) for port, text in zip(ins, sample, strict=True)]
        result = function.run(args)
        made = [result] if len(outs) == 1 else [result.get_element(i) for i in range(len(outs))]
        rows.append([f'{number(v, *port):x}' for v, port in zip(made, outs, strict=True)])
    json.dump(rows, sys.stdout)


main()
