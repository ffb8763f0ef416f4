#!/usr/bin/env python3
"""Trains the HGQ2 models of this folder: per-weight bit widths learned with an EBOPs penalty.

    make_hgq2.py [--out DIR] [--only NAME,NAME] [--epochs-scale 1.0]

Each model is saved as hgq2_NAME.keras (no optimizer state) with hgq2_NAME.npz: `x` (test inputs, f32)
and `y` (what HGQ2 itself computes for them, f32), `labels` and the accuracies. Integer bits of wrapping
data lanes are traced on the training data, as a user would, so test inputs may really wrap.

Needs: pip install hgq2==0.2.0 keras==3.15.1 jax scikit-learn. The seeds are fixed; a rerun gives the
same model on one machine, but not to the last bit on every machine.
"""
import argparse
import os
import pathlib

os.environ.setdefault('KERAS_BACKEND', 'jax')

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense, QEinsumDenseBatchnorm
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs


def digits():
    """scikit-learn's 8x8 digits, pixels 0..16 scaled to 0..1: a quarter for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    return train_test_split((x / 16).astype(np.float32), y, test_size=450, random_state=7, stratify=y)


def jets():
    """Five overlapping classes of 16 standardised features, shaped like the jet-tagging task: each
    class is a random linear mix of a few latent variables, with heavy tails."""
    rng = np.random.default_rng(20)
    n, latent = 12000, 6
    y = rng.integers(0, 5, n)
    centre = rng.normal(0, 0.6, (5, latent))
    mix = rng.normal(0, 1, (5, latent, 16)) * 0.25 + rng.normal(0, 1, (latent, 16))
    z = centre[y] + rng.standard_t(6, (n, latent))
    x = np.einsum('nl,nlf->nf', z, mix[y]) + rng.normal(0, 0.5, (n, 16))
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    return x[:10000], x[10000:], y[:10000], y[10000:]


def dense(units, activation, name):
    return QDense(units, activation=activation, name=name)


def dense_bn(units, activation, name):
    return QEinsumDenseBatchnorm('bc,cC->bC', units, bias_axes='C', activation=activation, name=name)


# name: data, hidden layer, its widths, epochs, batch, (first, last) weight of the EBOPs penalty
MODELS = {
    'digits': (digits, dense, [20], 1500, 128, (1e-7, 1e-4)),
    'digits_bn': (digits, dense_bn, [16, 16], 1500, 128, (1e-7, 1e-4)),
    'jets': (jets, dense_bn, [32, 16], 300, 512, (1e-7, 4e-4)),
}


def build(n_in, n_out, hidden, widths):
    scopes = (
        QuantizerConfigScope(place='all', default_q_type='kbi', overflow_mode='SAT_SYM'),
        QuantizerConfigScope(place='datalane', default_q_type='kif', overflow_mode='WRAP', f0=4),
        LayerConfigScope(enable_ebops=True, beta0=1e-6),
    )
    with scopes[0], scopes[1], scopes[2]:
        layers = [keras.Input((n_in,), name='features')]
        layers += [hidden(w, 'relu', f'hidden{i + 1}') for i, w in enumerate(widths)]
        layers += [dense(n_out, 'linear', 'scores')]
        return keras.Sequential(layers)


def train(name, out, scale):
    data, hidden, widths, epochs, batch, (low, high) = MODELS[name]
    epochs = max(int(epochs * scale), 2)
    keras.utils.set_random_seed(11)
    x, x_test, y, y_test = data()
    model = build(x.shape[1], int(y.max()) + 1, hidden, widths)
    rate = keras.optimizers.schedules.CosineDecay(6e-3, epochs * -(-len(x) // batch), alpha=0.05)
    model.compile(optimizer=keras.optimizers.Adam(rate), metrics=['accuracy'],
                  loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    penalty = BetaScheduler(lambda e: low * (high / low) ** min(e / (0.8 * epochs), 1.0))
    model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0, callbacks=[FreeEBOPs(), penalty])
    ebops = trace_minmax(model, x)
    model.optimizer, model.compiled = None, False
    path = out / f'hgq2_{name}.keras'
    model.save(path)
    model = keras.models.load_model(path, compile=False)
    y_out = np.asarray(model.predict(x_test, verbose=0), np.float32)
    accuracy = float((y_out.argmax(1) == y_test).mean())
    np.savez_compressed(out / f'hgq2_{name}.npz', x=x_test[:256], y=y_out[:256], labels=y_test[:256],
                        accuracy=accuracy, ebops=ebops)
    print(f'{name}: accuracy {accuracy:.4f} on {len(x_test)}, {ebops} EBOPs, {path.stat().st_size} bytes', flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--out', type=pathlib.Path, default=pathlib.Path(__file__).parent)
    ap.add_argument('--only', default=','.join(MODELS))
    ap.add_argument('--epochs-scale', type=float, default=1.0)
    a = ap.parse_args()
    for name in a.only.split(','):
        train(name, a.out, a.epochs_scale)


if __name__ == '__main__':
    main()
