#!/usr/bin/env python3
"""Small HGQ2 models of every layer class, untrained: formats of all elements are drawn at random.

    make_hgq2_layers.py [--out DIR] [--only NAME,NAME]

Each is saved as hgq2_NAME.keras (deflated) with hgq2_NAME.npz: inputs `x0`, `x1` ... and what HGQ2 itself
computes for them, `y0`, `y1` ... (f32). Rounding and overflow modes are drawn too; integer bits are traced
on the inputs and then moved, so that data saturates and wraps.

Needs: pip install hgq2==0.2.0 keras==3.15.1 jax. The seeds are fixed.
"""
import argparse
import os
import pathlib
import zipfile

os.environ.setdefault('KERAS_BACKEND', 'jax')

import keras
import numpy as np
from hgq import layers as q
from hgq.config import LayerConfigScope, QuantizerConfig
from hgq.quantizer import Quantizer
from hgq.utils import trace_minmax

ROUNDING = ['TRN', 'RND', 'RND_CONV', 'S_RND']
DATA = ['WRAP', 'SAT', 'SAT_SYM']


class Draw:
    """Configurations at random."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def data(self, **more):
        return QuantizerConfig('kif', 'datalane', round_mode=str(self.rng.choice(ROUNDING)),
                               overflow_mode=str(self.rng.choice(DATA)), **more)

    def weight(self, place='weight'):
        kind = str(self.rng.choice(['kif', 'kbi']))
        return QuantizerConfig(kind, place, round_mode=str(self.rng.choice(ROUNDING)),
                               overflow_mode=str(self.rng.choice(DATA)))

    def port(self, name, *shape):
        """An input on a grid, so that all that follows is exact."""
        conf = QuantizerConfig('kif', 'datalane', round_mode='RND', overflow_mode='SAT', i0=2, f0=4,
                               heterogeneous_axis=(), homogeneous_axis=None)
        return Quantizer(conf, name=f'{name}_port')(keras.Input(shape, name=name))

    def kernel(self):
        return {'iq_conf': self.data(), 'kq_conf': self.weight(), 'bq_conf': self.weight('bias')}

    def shake(self, model):
        """Moves the bits of all quantizers, and the weights off zero."""
        for layer in model._flatten_layers():
            if isinstance(layer, Quantizer) and not layer.name.endswith('_port'):
                part = layer.quantizer
                table = 'table' in layer.name
                for name in ['_f', '_b', '_i']:
                    variable = getattr(part, name, None)
                    if variable is None or isinstance(variable, float):
                        continue
                    value = np.asarray(keras.ops.convert_to_numpy(variable))
                    step = {'_f': (-2, 3), '_b': (-2, 3), '_i': (0, 1) if table else (-1, 2)}[name]
                    variable.assign(np.clip(value + self.rng.integers(*step, value.shape), -12, 8))
        for weight in model.trainable_weights:
            if weight.name in ('bias', 'bn_beta'):
                weight.assign(self.rng.normal(0, 0.5, weight.shape))


def model_of(ports, output):
    return keras.Model([it._keras_history.operation.input for it in ports], output)


def conv(d):
    x = d.port('image', 6, 6, 2)
    a = q.QConv2D(4, 3, padding='same', strides=2, activation='relu', **d.kernel(), name='conv')(x)
    a = q.QBatchNormalization(**d.kernel(), name='norm')(a)
    b = q.QConv2D(6, 2, groups=2, dilation_rate=2, use_bias=False, iq_conf=d.data(), kq_conf=d.weight(),
                  enable_oq=True, oq_conf=d.data(), name='grouped')(a)
    c = q.QMaxPooling2D(2, strides=1, padding='same', iq_conf=d.data(), name='max')(a)
    e = q.QAveragePooling2D((2, 1), iq_conf=d.data(), name='average')(a)
    f = q.QGlobalAveragePooling2D(iq_conf=d.data(), name='everywhere')(q.QAveragePooling2D(2, strides=1)(c))
    g = q.QGlobalMaxPooling2D(iq_conf=d.data(), keepdims=True, name='highest')(b)
    s = keras.layers.Reshape((36, 2), name='line')(x)
    # Padding comes before the quantizer, which must not know positions.
    causal = d.kernel() | {'iq_conf': d.data(heterogeneous_axis=(-1,), homogeneous_axis=None)}
    s = q.QConv1D(3, 3, padding='causal', dilation_rate=2, **causal, name='causal')(s)
    s = q.QMaxPooling1D(4, iq_conf=d.data(), name='max1')(s)
    s = q.QAveragePooling1D(2, iq_conf=d.data(), name='average1')(s)
    v = keras.layers.Reshape((3, 4, 3, 2), name='volume')(x)
    v = q.QConv3D(2, 2, **d.kernel(), name='deep')(v)
    flat = [keras.layers.Flatten()(it) for it in [b, c, e, f, g, s, v]]
    return model_of([x], keras.layers.Concatenate(name='all')(flat))


def ops(d):
    x, z = d.port('x', 3, 4), d.port('z', 3, 4)
    two = lambda: {'iq_confs': [d.data(), d.data()]}
    outs = [
        q.QAdd(**two(), name='add')([x, z]),
        q.QSubtract(**two(), name='subtract')([x, z]),
        q.QMultiply(**two(), enable_oq=True, oq_conf=d.data(), name='multiply')([x, z]),
        q.QMaximum(**two(), name='maximum')([x, z]),
        q.QMinimum(**two(), name='minimum')([x, z]),
        q.QAveragePow2(iq_confs=[d.data(), d.data(), d.data()], name='average')([x, z, x]),
        q.QDot(axes=(2, 2), **two(), name='dot')([x, z]),
        q.QEinsum('bij,bkj->bki', **two(), name='einsum')([x, z]),
        q.QSum(d.data(), axes=(1,), scale=0.5, keepdims=True, name='sum')(x),
        q.QMeanPow2(d.data(), axes=(1, 2), name='mean')(z),
        q.QEinsumDense('bij,jkl->bikl', (3, 2, 2), bias_axes='kl', **d.kernel(), name='wide')(x),
        q.QEinsumDense('bij,ik->bkj', (2, 4), **d.kernel(), name='turned')(x),
        q.QEinsumDense('bij,ijk->bik', (3, 2), bias_axes='ik', **d.kernel(), name='rows')(x),
    ]
    return model_of([x, z], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in outs]))


def tables(d):
    x = d.port('x', 3, 4)
    table = lambda: QuantizerConfig('kbi', 'table', round_mode='RND_CONV', overflow_mode='SAT')
    outs = [
        q.QUnaryFunctionLUT('tanh', d.data(), table(), name='tanh')(x),
        q.QUnaryFunctionLUT('sigmoid', d.data(heterogeneous_axis=(), homogeneous_axis=None), d.data(), name='sigmoid')(x),
        q.QUnaryFunctionLUT('gelu', d.data(), name='gelu')(x),
        q.QUnaryFunctionLUT('relu', d.data(), enable_oq=False, name='relu')(x),
        q.QAffinedUnaryFunctionLUT('exponential', d.data(), table(), name='exponential')(x),
        q.QSoftmax(axis=-1, name='softmax')(x),
        q.QSoftmax(axis=(1, 2), iq_conf=d.data(), enable_iq=True, enable_oq=True, oq_conf=d.data(),
                   input_scaler=0.3, allow_heterogeneous_table=True, name='both_axes')(x),
        q.QSoftmax(axis=1, stable=False, iq_conf=d.data(), enable_iq=True, name='unstable')(x),
    ]
    return model_of([x], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in outs]))


def attention(d):
    x, z = d.port('x', 4, 6), d.port('z', 3, 6)
    conf = lambda: {f'qkvo_{it}_conf': d.data() for it in ['iq', 'oq']} | {
        'qkvo_kq_conf': d.weight(), 'qkvo_bq_conf': d.weight('bias'), 'softmax_iq_conf': d.data(), 'softmax_oq_conf': d.data()}
    a = q.QMultiHeadAttention(2, 3, **conf(), name='cross')(x, z)
    b = q.QMultiHeadAttention(1, 4, value_dim=2, fuse='qkv', output_shape=5, **conf(), name='fused')(x, x)
    c = q.QMultiHeadAttention(2, 2, fuse='kv', use_bias=False, **conf(), name='half')(x, z)
    e = q.QLinformerAttention(2, 2, 3, **conf(), name='linformer')(x, x)
    return model_of([x, z], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in [a, b, c, e]]))


def recurrent(d):
    x = d.port('x', 5, 3)
    conf = lambda: d.kernel() | {'rkq_conf': d.weight(), 'sq_conf': d.data()}
    outs = [
        q.QGRU(4, rhq_conf=d.data(), return_sequences=True, **conf(), name='gru')(x),
        q.QGRU(3, rhq_conf=d.data(), reset_after=False, go_backwards=True, **conf(), name='before')(x),
        q.QSimpleRNN(4, enable_sq=True, **conf(), name='simple')(x),
        q.QSimpleRNN(2, use_bias=False, return_sequences=True, iq_conf=d.data(), kq_conf=d.weight(), rkq_conf=d.weight(),
                     paq_conf=d.data(), activation='relu', name='plain')(x),
    ]
    return model_of([x], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in outs]))


def learned(d):
    x, s = d.port('x', 3, 2), d.port('image', 4, 4, 2)
    table = lambda: QuantizerConfig('kbi', 'table', round_mode='RND', overflow_mode='SAT_SYM')
    conf = lambda: {'iq_conf': d.data(), 'toq_conf': table()}
    outs = [
        q.QDenseT(3, activation='relu', **conf(), name='dense')(x),
        q.QDenseT(2, n_hl=2, d_hl=4, batch_norm=True, use_bias=False, **conf(), name='normed')(x),
        q.QEinsumDenseT('bij,jk->bik', (3, 2), bias_axes='k', batch_norm=True, **conf(), name='einsum')(x),
        q.QConvT2D(2, 2, strides=2, subnn_activation='tanh', **conf(), name='conv')(s),
        q.QConvT1D(2, 2, padding='same', n_hl=0, **conf(), name='line')(x),
    ]
    return model_of([x, s], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in outs]))


def rest(d):
    x, v = d.port('x', 2, 3), d.port('v', 2, 4, 2, 2)
    some = lambda gamma='gamma': {'moving_mean_initializer': keras.initializers.RandomNormal(stddev=0.3, seed=3),
                    'moving_variance_initializer': keras.initializers.RandomUniform(0.4, 1.5, seed=4),
                    f'{gamma}_initializer': keras.initializers.RandomUniform(0.5, 1.5, seed=5)}
    outs = [
        q.QBatchNormDense(3, activation='relu', **some('bn_gamma'), **d.kernel(), name='first')(x),
        q.QEinsumDenseBatchnorm('bij,jk->bik', (2, 2), bias_axes='k', normalize_axes='k', **some(), **d.kernel(), name='last')(x),
        q.QEinsumDenseBatchnorm('bij,jk->bik', (2, 3), bias_axes='k', enable_oq=True, oq_conf=d.data(), **some(), **d.kernel(),
                                name='plain')(x),
        q.QGlobalMaxPooling1D(iq_conf=d.data(), name='highest1')(x),
        q.QGlobalAveragePooling1D(iq_conf=d.data(), keepdims=True, name='mean1')(x),
        q.QMaxPooling3D((2, 2, 1), iq_conf=d.data(), name='max')(v),
        q.QAveragePooling3D((1, 2, 2), iq_conf=d.data(), enable_oq=True, oq_conf=d.data(), name='average')(v),
        q.QGlobalMaxPooling3D(iq_conf=d.data(), keepdims=True, name='highest')(v),
        q.QGlobalAveragePooling3D(iq_conf=d.data(), name='mean')(v),
    ]
    return model_of([x, v], keras.layers.Concatenate(name='all')([keras.layers.Flatten()(it) for it in outs]))


MODELS = {'conv': conv, 'ops': ops, 'tables': tables, 'attention': attention, 'recurrent': recurrent, 'learned': learned, 'rest': rest}

# Weights by the names of layers: saved as .h5 too.
NAMED = ['tables', 'attention', 'recurrent', 'learned']


def deflate(path):
    with zipfile.ZipFile(path) as file:
        parts = {it: file.read(it) for it in file.namelist()}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def make(name, out):
    keras.utils.set_random_seed(5)
    draw = Draw(sum(map(ord, name)))
    with LayerConfigScope(enable_ebops=False):
        model = MODELS[name](draw)
    x = [draw.rng.normal(0, 1.5, (48, *it.shape[1:])).astype(np.float32) for it in model.inputs]
    trace_minmax(model, x if len(x) > 1 else x[0])
    draw.shake(model)
    path = out / f'hgq2_{name}.keras'
    model.save(path)
    deflate(path)
    if name in NAMED:
        model.save(out / f'hgq2_{name}.h5', include_optimizer=False)
    model = keras.models.load_model(path, compile=False)
    y = np.asarray(model.predict(x if len(x) > 1 else x[0], verbose=0, batch_size=48), np.float32)
    np.savez_compressed(out / f'hgq2_{name}.npz', **{f'x{i}': it for i, it in enumerate(x)}, y0=y)
    print(f'{name}: {y.shape}, {len(np.unique(y))} values, {path.stat().st_size} bytes', flush=True)
    return model


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--out', type=pathlib.Path, default=pathlib.Path(__file__).parent)
    ap.add_argument('--only', default=','.join(MODELS))
    a = ap.parse_args()
    a.out.mkdir(exist_ok=True)
    for name in a.only.split(','):
        make(name, a.out)


if __name__ == '__main__':
    main()
