#!/usr/bin/env python3
"""Trains the example: handwritten digits (8x8 pixels), as shipped with scikit-learn.

    pip install keras jax scikit-learn && KERAS_BACKEND=jax python3 train.py

Pixels are scaled to [0, 1]. A small L1 penalty and clipped weights keep most weights near zero and
all of them below 2, so that a fixed-point version needs few bits and few adders. Writes
`digits.keras`, `x_test.npy` (float32) and `y_test.npy` (labels) beside this script.
"""
import os
import pathlib

os.environ.setdefault('KERAS_BACKEND', 'jax')

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

here = pathlib.Path(__file__).parent
keras.utils.set_random_seed(7)

x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=7, stratify=y)


def clipped(w):
    return keras.ops.clip(w, -1.99, 1.99)


def dense(units, name, **kwargs):
    penalty = keras.regularizers.L1(2e-4)
    return keras.layers.Dense(units, name=name, kernel_regularizer=penalty, kernel_constraint=clipped, **kwargs)


model = keras.Sequential([
    keras.Input((64,), name='pixels'),
    dense(16, 'hidden1'),
    keras.layers.BatchNormalization(name='norm1'),
    keras.layers.ReLU(name='relu1'),
    dense(16, 'hidden2', activation='relu'),
    dense(10, 'scores'),
    keras.layers.Softmax(name='digit'),
])
schedule = keras.optimizers.schedules.CosineDecay(4e-3, 120 * 22)
model.compile(keras.optimizers.Adam(schedule), 'sparse_categorical_crossentropy')
model.fit(x_train, y_train, epochs=120, batch_size=64, verbose=0)

# The file need not know how it was trained: a copy without penalties and constraints.
plain = keras.Sequential([
    keras.Input((64,), name='pixels'),
    keras.layers.Dense(16, name='hidden1'),
    keras.layers.BatchNormalization(name='norm1'),
    keras.layers.ReLU(name='relu1'),
    keras.layers.Dense(16, activation='relu', name='hidden2'),
    keras.layers.Dense(10, name='scores'),
    keras.layers.Softmax(name='digit'),
], name='digits')
plain.set_weights(model.get_weights())
plain.save(here / 'digits.keras')
np.save(here / 'x_test.npy', x_test)
np.save(here / 'y_test.npy', y_test.astype(np.uint8))
print('float accuracy on the test half:', (plain.predict(x_test, verbose=0).argmax(1) == y_test).mean())
