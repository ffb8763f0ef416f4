#!/usr/bin/env python3
"""Golden vectors of single layers from hls4ml's C simulation, for tests/golden/.

    golden_activations.py [--out tests/golden] [--only casts,dense,rectifiers,tables,softmax]

Every group is one hls4ml project with many small layers side by side, compiled once (about 10 s).
A group's .npz holds `meta` (JSON as bytes), `x<k>`: mantissas of input k, `y_<case>`: mantissas of
what hls4ml computed, `w_<case>`, `b_<case>`: float weights. The JSON gives every format as hls4ml
resolved it, so that `auto` types can be compared too.

Needs hls4ml 1.3.0, numpy and g++; no framework. The output does not depend on the machine.
"""
import argparse
import json
import os
import shutil
import tempfile

import numpy as np

SAMPLES, WIDTH = 40, 8
ROUNDING = ['TRN', 'TRN_ZERO', 'RND', 'RND_ZERO', 'RND_INF', 'RND_MIN_INF', 'RND_CONV']
OVERFLOW = ['WRAP', 'SAT', 'SAT_ZERO', 'SAT_SYM']
# Types besides the result that hls4ml infers, by class.
AUTO = {'Dense': ['weight', 'bias', 'accum'], 'LeakyReLU': ['param'], 'ELU': ['param'],
        'ThresholdedReLU': ['param'], 'PReLU': ['param'], 'Softmax': ['accum']}


def parse(text):
    """`fixed<16,6,RND,SAT>` as (signed, width, int_bits)."""
    args = text[text.index('<') + 1:-1].split(',')
    width = int(args[0])
    return not text.startswith('u'), width, int(args[1]) if 'fixed' in text else width


def grid(text, shape, rng, reach):
    """Mantissas of a format: its ends, a ramp, values around zero and within `reach`, all of it."""
    signed, width, int_bits = parse(text)
    lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    count = int(np.prod(shape))
    near = max(1, min(hi, int(reach * 2.0 ** (width - int_bits))))
    parts = [
        np.array([lo, hi, 0, 1, -1, lo + 1, hi - 1], dtype=object),
        np.array([lo + (hi - lo) * k // (count // 8) for k in range(count // 8)], dtype=object),
        rng.integers(-(near // 32) - 3, near // 32 + 3, count // 8),
        rng.integers(-near, near, count // 2),
    ]
    values = np.concatenate([np.asarray(p, dtype=np.int64) for p in parts])
    values = np.concatenate([values, rng.integers(lo, hi, count - len(values), endpoint=True)])
    values = np.clip(values, lo, hi)
    rng.shuffle(values)
    return values.reshape(shape)


class Group:
    """Layers that read a few inputs, all outputs of one model."""

    def __init__(self, name, seed, reach=9.0):
        self.name, self.reach = name, reach
        self.rng = np.random.default_rng(seed)
        self.inputs, self.cases, self.weights = {}, [], {}

    def input(self, fmt, shape=(WIDTH,)):
        key = (fmt, tuple(shape))
        if key not in self.inputs:
            index = len(self.inputs)
            data = grid(fmt, (SAMPLES, *shape), self.rng, self.reach)
            self.inputs[key] = (index, data)
        return self.inputs[key][0]

    def add(self, cls, fmt, types, shape=(WIDTH,), config=None, weights=None, **attrs):
        """One layer of hls4ml class `cls` on an input of format `fmt`."""
        name = f'c{len(self.cases)}'
        case = dict(name=name, cls=cls, input=self.input(fmt, shape), given=types,
                    config=config or {}, attrs=attrs)
        self.cases.append(case)
        for role, value in (weights or {}).items():
            self.weights[f'{role}_{name}'] = value

    def layers(self):
        for (fmt, shape), (index, _) in self.inputs.items():
            yield dict(class_name='Input', name=f'x{index}', input_shape=list(shape)), fmt
        for case in self.cases:
            name = case['name']
            layer = dict(class_name=case['cls'], name=name, inputs=[f"x{case['input']}"], **case['attrs'])
            if f'w_{name}' in self.weights:
                w = self.weights[f'w_{name}']
                if case['cls'] == 'PReLU':
                    layer['param_data'] = w
                else:
                    layer.update(weight_data=w, bias_data=self.weights.get(f'b_{name}'),
                                 n_in=w.shape[0], n_out=w.shape[1])
            yield layer, case

    def run(self, out):
        import hls4ml
        from hls4ml.model.graph import ModelGraph
        from hls4ml.utils.config import create_config

        work = tempfile.mkdtemp(prefix='golden')
        config = create_config(output_dir=work, backend='Vitis', io_type='io_parallel')
        names, layers = {}, []
        for layer, given in self.layers():
            layers.append(layer)
            if isinstance(given, str):
                names[layer['name']] = {'Precision': {'result': given}}
            else:
                types = given['given']
                auto = ['result', *AUTO.get(layer['class_name'], [])]
                precision = {role: types.get(role, 'auto') for role in auto}
                # hls4ml 1.3.0 ignores `Precision: {table: ...}`; a key of its own is obeyed.
                own = {f'{role}_t': text for role, text in types.items() if role not in precision}
                names[layer['name']] = {'Precision': precision, **own, **given['config']}
        config['HLSConfig'] = {
            'Model': {'Precision': {'default': 'fixed<16,6>'}, 'ReuseFactor': 1, 'Strategy': 'Latency'},
            'LayerName': names,
        }
        inputs = [f'x{index}' for index, _ in self.inputs.values()]
        model = ModelGraph.from_layer_list(config, layers, inputs, [c['name'] for c in self.cases])
        model.compile()
        data = []
        for (fmt, _), (_, mantissas) in self.inputs.items():
            _, width, int_bits = parse(fmt)
            data.append(np.ascontiguousarray(mantissas * 2.0 ** (int_bits - width)))
        outputs = model.predict(data if len(data) > 1 else data[0])
        outputs = outputs if isinstance(outputs, list) else [outputs]

        arrays, meta = dict(self.weights), []
        for (fmt, shape), (index, mantissas) in self.inputs.items():
            arrays[f'x{index}'] = mantissas.astype(np.int64)
        for case, values in zip(self.cases, outputs):
            node = model.graph[case['name']]
            types = {k[:-2]: str(v.precision) for k, v in node.attributes.items()
                     if k.endswith('_t') and k != 'index_t' and hasattr(v, 'precision')}
            for role, text in case['given'].items():
                assert parse(types[role]) == parse(text), (case, types)
            _, width, int_bits = parse(types['result'])
            mantissas = values * 2.0 ** (width - int_bits)
            assert np.all(mantissas == np.round(mantissas)), case
            arrays[f"y_{case['name']}"] = mantissas.astype(np.int64)
            meta.append({**case, 'types': types, 'given': sorted(case['given'])})
        inputs = [dict(format=fmt, shape=shape) for fmt, shape in self.inputs]
        text = json.dumps(dict(hls4ml=hls4ml.__version__, inputs=inputs, cases=meta), sort_keys=True)
        arrays['meta'] = np.frombuffer(text.encode(), dtype=np.uint8)
        path = os.path.join(out, f'{self.name}.npz')
        for name, array in arrays.items():
            if array.dtype == np.int64 and np.all(np.abs(array) < 1 << 15):
                arrays[name] = array.astype(np.int16)
            elif array.dtype == np.int64 and np.all(np.abs(array) < 1 << 31):
                arrays[name] = array.astype(np.int32)
        np.savez_compressed(path, **arrays)
        shutil.rmtree(work, ignore_errors=True)
        print(f'{path}: {len(self.cases)} cases, {os.path.getsize(path)} bytes')


def casts():
    g = Group('casts', 1)
    for fmt in ['fixed<20,8>', 'ufixed<14,6>']:
        for q in ROUNDING:
            for o in OVERFLOW:
                for to in ['fixed<7,4', 'ufixed<6,3'] if fmt[0] == 'f' else ['fixed<7,5' ]:
                    g.add('Activation', fmt, dict(result=f'{to},{q},{o}>'), activation='linear')
    for to in ['fixed<6,-2,RND,SAT>', 'fixed<6,10,RND_CONV,SAT>', 'ufixed<5,-1,RND,SAT>',
               'fixed<5,12,TRN,SAT_SYM>', 'fixed<1,1>', 'ufixed<1,1,RND,SAT>', 'int<6>', 'uint<4>']:
        g.add('Activation', 'fixed<20,8>', dict(result=to), activation='linear')
    for fmt in ['fixed<8,-3>', 'fixed<8,12>', 'ufixed<8,-2>']:
        # ap_fixed cannot round away more bits than a mantissa has (an assertion of its own fails).
        for to in ['fixed<5,-2,RND,SAT>', 'fixed<16,6>', 'ufixed<9,6,RND_ZERO,SAT>']:
            g.add('Activation', fmt, dict(result=to), activation='linear')
    return g


def dense():
    g = Group('dense', 2, reach=3.0)
    wide = dict(weight='fixed<8,2,RND,SAT>', bias='fixed<9,3>')

    def add(fmt, n_out=3, **types):
        w = g.rng.uniform(-2, 2, (WIDTH, n_out)).round(6)
        w[g.rng.random(w.shape) < 0.2] = 0.0
        b = g.rng.uniform(-3, 3, n_out).round(6)
        g.add('Dense', fmt, {**wide, **types}, weights=dict(w=w, b=b), activation='linear',
              config={'Strategy': 'Latency', 'ReuseFactor': 1})

    for q in ROUNDING:
        for o in OVERFLOW:
            add('fixed<10,4>', accum=f'fixed<9,5,{q},{o}>', result='fixed<12,6>')
    add('fixed<10,4>', accum='fixed<24,10>', result='fixed<7,4,RND_CONV,SAT>')
    add('fixed<10,4>', accum='ufixed<9,5,RND,SAT>', result='fixed<12,6>')
    add('ufixed<10,4>', accum='fixed<9,5,TRN,WRAP>', result='ufixed<8,4,RND,SAT>')
    add('ufixed<10,4>', accum='fixed<12,-1,RND,SAT_SYM>', result='fixed<12,6>')
    add('fixed<8,-1>', accum='fixed<9,3,TRN,SAT>', result='fixed<12,6,RND_INF,SAT>')
    add('fixed<10,4>', weight='ufixed<6,1>', bias='fixed<9,3>', accum='fixed<10,6>', result='fixed<10,6>')
    add('fixed<10,4>', weight='fixed<6,1>', bias='fixed<9,3>')
    add('fixed<16,6>', weight='fixed<16,6>', bias='fixed<16,6>', accum='fixed<16,6>')
    return g


def rectifiers():
    g = Group('rectifiers', 3)
    inputs = ['fixed<16,6>', 'fixed<10,3>', 'ufixed<10,3>', 'fixed<8,-1>', 'fixed<7,9>', 'fixed<8,1>',
              'fixed<9,4,RND,SAT>']
    results = [{}, dict(result='fixed<8,3,RND,SAT>'), dict(result='ufixed<6,2,RND_CONV,SAT>'),
               dict(result='ufixed<7,4>'), dict(result='fixed<24,10>')]
    for fmt in inputs:
        for k, result in enumerate(results):
            g.add('Activation', fmt, result, activation='relu')
            if fmt != 'fixed<7,9>':
                g.add('Activation', fmt, result, activation='relu6')
            if k < 3:
                g.add('LeakyReLU', fmt, result, activation='leakyrelu', activ_param=[0.3, -0.5, 0.125][k])
                g.add('ThresholdedReLU', fmt, result, activation='thresholdedrelu', activ_param=[1.0, 0.3, 2.7][k])
                alpha = g.rng.uniform(-1, 1, WIDTH).round(6)
                given = [{}, dict(param='fixed<6,1,RND,SAT>'), dict(param='ufixed<5,0>')][k]
                g.add('PReLU', fmt, {**result, **given}, activation='prelu', weights=dict(w=alpha))
            if k in (0, 1, 4):
                g.add('HardActivation', fmt, result, activation='hard_sigmoid')
                g.add('HardActivation', fmt, result, activation='hard_tanh', slope=[0.5, 0.2, 0, 0, 0.75][k])
        for result in ['fixed<16,6>', 'int<2>', 'uint<1>', 'fixed<6,3>', 'fixed<3,1,RND,SAT>']:
            g.add('Activation', fmt, dict(result=result), activation='binary_tanh')
            if result != 'uint<1>':
                # Of class TernaryTanh hls4ml 1.3.0 emits no call: its outputs are never written.
                g.add('Activation', fmt, dict(result=result), activation='ternary_tanh')
    g.add('LeakyReLU', 'fixed<16,6>', dict(param='fixed<9,2,RND,SAT>', result='fixed<18,8>'),
          activation='leakyrelu', activ_param=0.1)
    g.add('ThresholdedReLU', 'fixed<10,3>', dict(param='fixed<4,3>', result='fixed<18,8>'),
          activation='thresholdedrelu', activ_param=1.7)
    return g


def tables():
    g = Group('tables', 4)
    default = dict(table='fixed<18,8>')
    settings = [
        ('fixed<16,6>', 1024, default, {}),
        ('fixed<16,6>', 1024, dict(table='fixed<44,12,RND,SAT>'), dict(result='fixed<44,12>')),
        ('fixed<16,6>', 4096, dict(table='fixed<30,12>'), dict(result='fixed<12,4,RND,SAT>')),
        ('fixed<12,4>', 256, dict(table='ufixed<8,0,RND,SAT>'), dict(result='fixed<16,6>')),
        ('ufixed<10,3>', 512, default, dict(result='fixed<10,2,RND,SAT>')),
        ('fixed<8,-1>', 1024, default, dict(result='fixed<18,8>')),
        ('fixed<9,5>', 1000, default, dict(result='fixed<18,8>')),
        ('fixed<8,10>', 1024, default, dict(result='fixed<18,8>')),
        ('fixed<20,5>', 77, default, dict(result='fixed<18,8>')),
        ('fixed<5,3>', 1024, default, dict(result='ufixed<6,1,RND,SAT_ZERO>')),
    ]
    for fmt, size, table, result in settings:
        types, config = {**table, **result}, {'TableSize': size}
        for act in ['sigmoid', 'tanh', 'softplus', 'softsign', 'selu']:
            # The last bit of a float tanh differs between C libraries; a table must not show it.
            fine = act == 'tanh' and 'fixed<44' in table['table']
            own = dict(table='fixed<30,12,RND,SAT>') if fine else {}
            g.add('Activation', fmt, {**types, **own}, config=config, activation=act)
        for alpha, param in [(1.0, {}), (0.3, {}), (1.7, dict(param='fixed<7,3,RND,SAT>'))]:
            g.add('ELU', fmt, {**types, **param}, config=config, activation='elu', activ_param=alpha)
    return g


def softmax():
    g = Group('softmax', 5, reach=4.0)
    table = 'fixed<18,8,RND,SAT>'
    default = dict(exp_table=table, inv_table=table, inv_inp=table, accum=table)

    def add(fmt, n, kind, types=None, result='fixed<16,6>', shape=None, **config):
        shape = shape or (n,)
        outer = int(np.prod(shape)) // n
        config = {'Implementation': kind, **config}
        g.add('Softmax', fmt, {**default, **(types or {}), 'result': result}, shape=shape, config=config,
              activation='softmax', axis=-1, n_in=int(np.prod(shape)), n_outer=outer, n_inner=1)

    unit = 'ufixed<16,0,RND,SAT>'
    narrow = dict(exp_table='ufixed<17,0,RND,SAT>', inv_table='ufixed<12,0,RND,SAT>',
                  accum='ufixed<14,4>', inv_inp='ufixed<12,4,RND,SAT>')
    for kind in ['stable', 'latency', 'legacy', 'argmax']:
        add('fixed<16,6>', 5, kind)
        add('fixed<16,6>', 10, kind, result=unit)
        add('fixed<10,4>', 3, kind, result='fixed<18,2>')
        add('ufixed<9,3>', 4, kind, result='fixed<18,2>')
        add('fixed<8,3>', 5, kind, result=unit, TableSize=4096)
        add('fixed<8,3>', 7, kind, result=unit, TableSize=64)
        add('fixed<16,4>', 5, kind, result=unit, types=narrow)
        add('fixed<16,6>', 5, kind, result=unit, shape=(2, 5))
        add('fixed<12,3,RND,SAT>', 2, kind, result=unit, TableSize=256)
        add('fixed<12,3,RND,SAT>', 1, kind, result=unit)
    add('fixed<16,6>', 5, 'stable', result=unit, types=dict(inv_table='fixed<9,2,RND,SAT>'))
    add('fixed<16,6>', 5, 'stable', result=unit, ExpTableSize=512, InvTableSize=2048)
    add('fixed<16,6>', 5, 'latency', result=unit, ExpTableSize=512, InvTableSize=2048)
    add('fixed<16,6>', 5, 'legacy', result=unit, ExpTableSize=512, InvTableSize=2048)
    add('fixed<16,6>', 5, 'stable', result=unit, types=dict(inp_norm='ufixed<12,4,RND,SAT>'))
    add('fixed<16,6>', 5, 'stable', result=unit, types=dict(accum='fixed<10,4,TRN,SAT>', inv_inp='fixed<12,5>'))
    add('fixed<16,6>', 9, 'latency', result=unit, types=dict(accum='fixed<12,6,RND_CONV,WRAP>'))
    add('fixed<16,6>', 5, 'legacy', result=unit, types=dict(table='fixed<12,4>'))
    return g


def main():
    groups = dict(casts=casts, dense=dense, rectifiers=rectifiers, tables=tables, softmax=softmax)
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', default='tests/golden')
    parser.add_argument('--only', default=','.join(groups))
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for name in args.only.split(','):
        groups[name]().run(args.out)


if __name__ == '__main__':
    main()
