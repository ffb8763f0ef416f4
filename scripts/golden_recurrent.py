#!/usr/bin/env python3
"""Golden vectors of recurrent layers from hls4ml's C simulation, for tests/golden/.

    golden_recurrent.py [--out tests/golden]

One hls4ml project with all layers side by side (about a minute). `recurrent.npz` holds `meta` (JSON
as bytes), `x<k>`: mantissas of input k, `y_<case>`: mantissas of what hls4ml computed, and the float
weights `w_`, `r_`, `b_`, `rb_<case>` (for `Bidirectional` those of both directions, `f_w_`, `b_w_` ...).

hls4ml 1.3.0 has kernels for LSTM and for GRU that resets after; its SimpleRNN has none.

Needs hls4ml 1.3.0, numpy and g++; no framework.
"""
import argparse
import json
import os
import shutil
import tempfile

import numpy as np

SAMPLES, STEPS, INPUTS, UNITS = 12, 4, 3, 2
WEIGHTS = dict(w='weight', r='recurrent_weight', b='bias', rb='recurrent_bias')
WIDE = dict(weight='fixed<10,2,RND,SAT>', recurrent_weight='fixed<9,2>', bias='fixed<12,4>',
            recurrent_bias='fixed<11,3,RND,SAT>')
GATES = dict(LSTM=4, GRU=3)


def parse(text):
    """`fixed<16,6,RND,SAT>` as (signed, width, int_bits)."""
    args = text[text.index('<') + 1:-1].split(',')
    width = int(args[0])
    return not text.startswith('u'), width, int(args[1])


class Cases:
    def __init__(self):
        self.rng = np.random.default_rng(6)
        self.inputs, self.cases, self.weights = {}, [], {}

    def input(self, fmt, shape=(STEPS, INPUTS), reach=2.0, of=''):
        key = (fmt, tuple(shape), of)
        if key not in self.inputs:
            signed, width, int_bits = parse(fmt)
            lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
            near = max(1, min(hi, int(reach * 2.0 ** (width - int_bits))))
            data = self.rng.integers(-near if signed else 0, near, (SAMPLES, *shape), endpoint=True)
            # The ends of the range, where accumulators run over.
            data[0], data[1], data[2] = lo, hi, 0
            self.inputs[key] = (len(self.inputs), data)
        return self.inputs[key][0]

    def add(self, cls, fmt, types, config=None, states=None, both=None, **attrs):
        name = f'c{len(self.cases)}'
        # hls4ml writes the next state where the first one is, so no two layers may read one.
        count = GATES[cls] - 2 if states else 0
        first = [self.input(states, (UNITS,), 0.9, f'{name}_{k}') for k in range(count)]
        for prefix, kind in [('', cls)] if both is None else [('f_', cls), ('b_', both)]:
            columns = GATES[kind] * UNITS
            draw = lambda *shape: self.rng.uniform(-1.5, 1.5, shape).round(6)
            self.weights |= {
                f'{prefix}w_{name}': draw(INPUTS, columns), f'{prefix}r_{name}': draw(UNITS, columns),
                f'{prefix}b_{name}': draw(columns), f'{prefix}rb_{name}': draw(columns),
            }
        attrs = dict(activation='tanh', recurrent_activation='sigmoid', return_sequences=False) | attrs
        self.cases.append(dict(name=name, cls=cls, input=self.input(fmt), given={**WIDE, **types}, states=first,
                               config=config or {}, both=both, attrs=attrs))

    def layer(self, case):
        name, attrs = case['name'], case['attrs']
        data = lambda prefix, it: self.weights[f'{prefix}{it}_{name}'].copy()
        layer = dict(name=name, inputs=[f'x{k}' for k in [case['input'], *case['states']]], n_timesteps=STEPS,
                     n_in=INPUTS, return_sequences=attrs['return_sequences'], return_state=False,
                     time_major=False, pass_initial_states=bool(case['states']))
        if attrs.get('pytorch'):
            layer['pytorch'] = True
        if case['both'] is None:
            layer |= dict(class_name=case['cls'], n_out=UNITS, direction='forward', activation=attrs['activation'],
                          recurrent_activation=attrs['recurrent_activation'])
            layer |= {f'{role}_data': data('', it) for it, role in WEIGHTS.items()}
            if case['cls'] == 'GRU':
                layer['apply_reset_gate'] = 'after'
            return layer
        layer |= dict(class_name='Bidirectional', n_out=2 * UNITS, direction='bidirectional', merge_mode='concat')
        for way, prefix, cls in [('forward', 'f_', case['cls']), ('backward', 'b_', case['both'])]:
            layer |= {f'{way}_class_name': cls, f'{way}_n_states': UNITS, f'{way}_name': f'{name}_{way}',
                      f'{way}_activation': attrs['activation'],
                      f'{way}_recurrent_activation': attrs['recurrent_activation']}
            layer |= {f'{way}_{role}_data': data(prefix, it) for it, role in WEIGHTS.items()}
            if cls == 'GRU':
                layer[f'{way}_apply_reset_gate'] = 'after'
        return layer

    def names(self):
        for (fmt, *_), (index, _) in self.inputs.items():
            yield f'x{index}', {'Precision': {'result': fmt}}
        for case in self.cases:
            types, own = dict(case['given']), {}
            if 'table' in types:
                # hls4ml 1.3.0 ignores `Precision: {table: ...}`; a key of its own is obeyed.
                own['table_t'] = types.pop('table')
            if case['both'] is not None:
                ways = ['forward', 'backward']
                types = {key: text for role, text in types.items()
                         for key in ([f'{way}_{role}' for way in ways] if role in WEIGHTS.values() else [role])}
            yield case['name'], {'Precision': types, **own, **case['config']}

    def run(self, out):
        import hls4ml
        from hls4ml.model.graph import ModelGraph
        from hls4ml.utils.config import create_config

        work = tempfile.mkdtemp(prefix='golden')
        config = create_config(output_dir=work, backend='Vitis', io_type='io_parallel')
        layers = [dict(class_name='Input', name=f'x{index}', input_shape=list(shape))
                  for (_, shape, _), (index, _) in self.inputs.items()]
        layers += [self.layer(case) for case in self.cases]
        config['HLSConfig'] = {
            'Model': {'Precision': {'default': 'fixed<16,6>'}, 'ReuseFactor': 1, 'Strategy': 'Latency'},
            'LayerName': dict(self.names()),
        }
        inputs = [f'x{index}' for index, _ in self.inputs.values()]
        model = ModelGraph.from_layer_list(config, layers, inputs, [c['name'] for c in self.cases])
        model.compile()
        data = []
        for (fmt, *_), (_, mantissas) in self.inputs.items():
            _, width, int_bits = parse(fmt)
            data.append(np.ascontiguousarray(mantissas * 2.0 ** (int_bits - width)))
        outputs = model.predict(data if len(data) > 1 else data[0])

        arrays, meta = dict(self.weights), []
        for index, mantissas in self.inputs.values():
            arrays[f'x{index}'] = mantissas.astype(np.int32)
        for case, values in zip(self.cases, outputs):
            node = model.graph[case['name']]
            types = {k[:-2]: str(v.precision) for k, v in node.attributes.items()
                     if k.endswith('_t') and k != 'index_t' and hasattr(v, 'precision')}
            for role, text in case['given'].items():
                key = f'forward_{role}' if case['both'] is not None and role in WEIGHTS.values() else role
                assert parse(types[key]) == parse(text), (case, types)
            _, width, int_bits = parse(types['result'])
            mantissas = values * 2.0 ** (width - int_bits)
            assert np.all(mantissas == np.round(mantissas)), case
            arrays[f"y_{case['name']}"] = mantissas.astype(np.int32)
            meta.append({**case, 'types': types, 'given': sorted(case['given'])})
        inputs = [dict(format=fmt, shape=shape) for fmt, shape, _ in self.inputs]
        text = json.dumps(dict(hls4ml=hls4ml.__version__, inputs=inputs, cases=meta), sort_keys=True)
        arrays['meta'] = np.frombuffer(text.encode(), dtype=np.uint8)
        path = os.path.join(out, 'recurrent.npz')
        np.savez_compressed(path, **arrays)
        shutil.rmtree(work, ignore_errors=True)
        print(f'{path}: {len(self.cases)} cases, {os.path.getsize(path)} bytes')


def cases():
    g = Cases()
    settings = [
        ('fixed<16,6>', dict(accum='fixed<16,6>', result='fixed<16,6>', weight='fixed<16,6>', bias='fixed<16,6>',
                             recurrent_weight='fixed<16,6>', recurrent_bias='fixed<16,6>'), {}),
        ('fixed<10,4>', dict(accum='fixed<24,8>', result='fixed<12,3,RND,SAT>'), {}),
        ('fixed<10,4>', dict(accum='fixed<12,4,RND,SAT>', result='fixed<9,2>'), {'TableSize': 512}),
        ('ufixed<9,3>', dict(accum='fixed<20,8,RND_CONV,WRAP>', result='fixed<14,3,RND_ZERO,SAT_SYM>',
                             table='fixed<12,2,RND,SAT>'), {'TableSize': 2048}),
        ('fixed<10,4>', dict(accum='fixed<11,4>', result='fixed<10,1>', table='ufixed<10,0,RND,SAT>'), {}),
    ]
    acts = [('tanh', 'sigmoid'), ('relu', 'sigmoid'), ('tanh', 'relu'), ('sigmoid', 'tanh')]
    for cls in ['LSTM', 'GRU']:
        other = 'GRU' if cls == 'LSTM' else 'LSTM'
        for k, (fmt, types, config) in enumerate(settings):
            # hls4ml's LSTM of one direction compiles only if input, accumulator and result are of one type.
            one = types['result'] if k % 2 else types['accum']
            own = {**types, 'accum': one, 'result': one} if cls == 'LSTM' else types
            for sequences in [False, True]:
                act, gate = acts[k % 4] if sequences else acts[0]
                names = dict(return_sequences=sequences, activation=act, recurrent_activation=gate)
                g.add(cls, one if cls == 'LSTM' else fmt, own, config, **names)
            g.add(cls, fmt, types, config, both=[cls, other][k % 2], return_sequences=k > 2, activation=acts[k % 4][0])
        # With first states both matrices must have one type, too.
        same = dict(accum='fixed<14,4>', result='fixed<14,4>', weight='fixed<10,2>', recurrent_weight='fixed<10,2>',
                    bias='fixed<11,3>', recurrent_bias='fixed<11,3>')
        for sequences in [False, True]:
            g.add(cls, 'fixed<14,4>', same, states='fixed<14,4>', return_sequences=sequences, pytorch=True)
    g.add('GRU', 'fixed<10,4>', settings[2][1], pytorch=True, return_sequences=True)
    return g


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', default='tests/golden')
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    cases().run(args.out)


if __name__ == '__main__':
    main()
