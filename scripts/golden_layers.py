#!/usr/bin/env python3
"""Golden vectors of convolutions, pooling, merges and wires from hls4ml's C simulation.

    golden_layers.py [--models tests/models] [--out tests/golden/layers] [--only conv,pool,merge,wires]
                     [--oracle ../shared/oracle/hls4ml_golden.py]

Each group is one Keras model with many small layers side by side, `hls4ml_GROUP.keras`; each
configuration is one file, `GROUP_CONFIG.npz`, with the trace of every layer and the types that hls4ml
resolved. Every layer in every configuration is a case of `tests/it/layers.rs`.

Needs hls4ml 1.3.0, keras 3 with jax, g++ (about a minute a file).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ['KERAS_BACKEND'] = 'jax'

import keras
import numpy as np

L = keras.layers
SAMPLES = 6
# What hls4ml gives its input's type, whatever the configuration says; ours obeys.
WIRES = (L.ZeroPadding1D, L.ZeroPadding2D, L.UpSampling1D, L.UpSampling2D, L.Permute, L.Reshape, L.Flatten, L.Cropping1D,
         L.Cropping2D)

# Types of the layers, by configuration; `auto` is what hls4ml infers.
NARROW = dict(weight='fixed<7,2,RND,SAT>', bias='fixed<9,3>', accum='fixed<14,6>', result='fixed<9,4,RND_CONV,SAT>')
ODD = dict(weight='fixed<8,1,TRN,SAT_SYM>', bias='fixed<6,2,RND_ZERO,SAT>', accum='fixed<11,5,RND_INF,WRAP>',
           result='fixed<10,3,TRN_ZERO,WRAP>')
# name: type of the inputs, types of the layers, settings of the layers
CONFIGS = {
    'auto': ('fixed<16,6>', {}, {}),
    'narrow': ('fixed<10,4,RND,SAT>', NARROW, {}),
    'odd': ('fixed<9,3,RND_CONV,SAT_SYM>', ODD, {}),
    'resource': ('ufixed<8,2,RND,SAT>', {'accum': 'fixed<16,7>', 'result': 'fixed<12,6>'}, {'Strategy': 'Resource'}),
}


def conv(x, y):
    yield L.Conv2D(4, 3, name='conv')(x)
    yield L.Conv2D(3, (2, 3), strides=(2, 1), padding='same', name='conv_stride')(x)
    yield L.Conv2D(2, (3, 2), padding='same', use_bias=False, name='conv_same')(x)
    yield L.Conv2D(5, 1, name='conv_point')(x)
    yield L.Conv2D(2, 3, strides=2, name='conv_valid')(x)
    yield L.Conv1D(4, 3, name='line')(y)
    yield L.Conv1D(3, 2, strides=2, padding='same', name='line_same')(y)
    yield L.Conv1D(3, 3, padding='causal', name='line_causal')(y)
    yield L.Conv1D(6, 1, use_bias=False, name='line_point')(y)


def pool(x, y):
    yield L.MaxPooling2D(2, name='max')(x)
    yield L.MaxPooling2D((3, 2), strides=(2, 1), name='max_stride')(x)
    yield L.MaxPooling2D(2, padding='same', name='max_same')(x)
    yield L.AveragePooling2D(2, name='mean')(x)
    yield L.AveragePooling2D((2, 3), strides=(1, 2), name='mean_stride')(x)
    yield L.AveragePooling2D(3, padding='same', name='mean_same')(x)
    yield L.GlobalMaxPooling2D(name='all_max')(x)
    yield L.GlobalAveragePooling2D(name='all_mean')(x)
    yield L.GlobalAveragePooling2D(keepdims=True, name='all_mean_keep')(x)
    yield L.MaxPooling1D(2, name='line_max')(y)
    yield L.MaxPooling1D(3, strides=1, padding='same', name='line_max_same')(y)
    yield L.AveragePooling1D(3, name='line_mean')(y)
    yield L.AveragePooling1D(2, strides=1, padding='same', name='line_mean_same')(y)
    yield L.GlobalMaxPooling1D(name='line_all_max')(y)
    yield L.GlobalAveragePooling1D(name='line_all_mean')(y)


def merge(x, y):
    a, b = L.Dense(4, name='left')(y), L.Dense(4, name='right')(y)
    yield L.Add(name='add')([a, b])
    yield L.Subtract(name='subtract')([a, b])
    yield L.Multiply(name='multiply')([a, b])
    yield L.Maximum(name='maximum')([a, b])
    yield L.Minimum(name='minimum')([b, a])
    yield L.Concatenate(name='join')([a, b])
    yield L.Concatenate(axis=1, name='join_time')([a, y])
    yield L.BatchNormalization(name='norm')(x)
    yield L.BatchNormalization(scale=False, name='norm_shift')(a)
    yield L.BatchNormalization(center=False, epsilon=0.1, name='norm_scale')(b)
    yield L.Dense(3, name='tall')(L.Flatten(name='flat')(y))
    yield L.Dense(2, use_bias=False, name='along')(x)


def wires(x, y):
    yield L.ZeroPadding2D(((1, 2), (0, 1)), name='pad')(x)
    yield L.ZeroPadding1D((2, 1), name='line_pad')(y)
    yield L.UpSampling2D((2, 3), name='grow')(x)
    yield L.UpSampling1D(2, name='line_grow')(y)
    yield L.Permute((3, 1, 2), name='turn')(x)
    yield L.Permute((2, 1, 3), name='turn_image')(x)
    yield L.Permute((2, 1), name='line_turn')(y)
    yield L.ReLU(name='rectify_fold')(L.Reshape((6, 15), name='fold')(x))
    yield L.Cropping2D(((1, 0), (1, 2)), name='cut')(x)
    yield L.Cropping1D((1, 2), name='line_cut')(y)
    yield L.ReLU(name='rectify')(L.Concatenate(name='join', axis=2)([x, x]))


def model(group, path):
    """A model of a group's layers, with weights at random."""
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(sum(map(ord, group)))
    x, y = keras.Input((5, 6, 3), name='x'), keras.Input((8, 4), name='y')
    made = keras.Model([x, y], list(globals()[group](x, y)), name=group)
    draw = lambda v: rng.uniform(0.3, 1.5, v.shape) if 'variance' in v.path else rng.uniform(-1, 1, v.shape)
    made.set_weights([draw(v).astype('float32').round(4) for v in made.weights])
    made.save(path)
    return made


def config(made, name):
    """What the oracle merges over hls4ml's own configuration."""
    inputs, types, settings = CONFIGS[name]
    layers = {}
    for layer in made.layers:
        is_input = isinstance(layer, L.InputLayer)
        roles = {'result': inputs} if is_input else dict(types)
        if not layer.weights:
            roles.pop('weight', None), roles.pop('bias', None)
        if isinstance(layer, WIRES):
            roles = {}
        layers[layer.name] = {'Precision': roles, **({} if is_input else settings)}
    return {'LayerName': layers}


def strip(path):
    """Drops what the traces have as well, and what floats give."""
    with np.load(path) as file:
        kept = {k: v for k, v in file.items() if not k.startswith(('float', 'hls'))}
    np.savez_compressed(path, **kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', type=pathlib.Path, default='tests/models')
    parser.add_argument('--out', type=pathlib.Path, default='tests/golden/layers')
    parser.add_argument('--only', default='conv,pool,merge,wires')
    parser.add_argument('--configs', default=','.join(CONFIGS))
    parser.add_argument('--oracle', default='../shared/oracle/hls4ml_golden.py')
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for group in args.only.split(','):
        path = args.models / f'hls4ml_{group}.keras'
        made = model(group, path)
        for name in args.configs.split(','):
            with tempfile.NamedTemporaryFile('w', suffix='.yml') as file:
                json.dump(config(made, name), file)
                file.flush()
                command = [sys.executable, args.oracle, path, '--config', file.name, '--samples', SAMPLES, '--scale', 3,
                           '--out', args.out / f'{group}_{name}.npz']
                subprocess.run([*map(str, command)], check=True)
            strip(args.out / f'{group}_{name}.npz')


if __name__ == '__main__':
    main()
