"""Makes qk2_steps.h5, qk2_pools.h5, qk2_cheap.h5, qk2_rest.h5 and qk2_both.h5: recurrent and pooling layers of QKeras, products with
signs and powers of two, folded and other normalizations, separable and transposed convolutions, both directions; with their outputs.

    pip install tensorflow-cpu==2.15.1 qkeras==0.9.0 'setuptools<70'; python make_qkeras.py
"""

import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import array_ops
from tensorflow.python.util import nest

# Old names, which QKeras uses.
nest.is_sequence, array_ops.stack, array_ops.unstack = nest.is_nested, tf.stack, tf.unstack
from qkeras import QActivation, QAveragePooling2D, QConv1D, QConv2DTranspose, QDense, QDepthwiseConv2DBatchnorm, QGlobalAveragePooling2D
from qkeras import QBatchNormalization, QBidirectional, QGRU, QLSTM, QSeparableConv1D, QSeparableConv2D, QSimpleRNN
from qkeras import binary, quantized_bits, quantized_po2, quantized_relu, ternary
from tensorflow.keras import Input, Model
from tensorflow.keras.layers import Bidirectional, TimeDistributed

rng = np.random.default_rng(7)
BITS = dict(
    kernel_quantizer=quantized_bits(4, 0, alpha=1),
    recurrent_quantizer=quantized_bits(4, 0, alpha=1),
    bias_quantizer=quantized_bits(5, 0, alpha=1),
    state_quantizer=quantized_bits(5, 0, alpha=1),
)


def steps():
    x = Input((4, 3), name="x")
    return x, [
        QSimpleRNN(3, activation="quantized_tanh(5)", name="simple", **BITS)(x),
        QSimpleRNN(2, activation="quantized_relu(4,1)", use_bias=False, return_sequences=True, name="sequence", **BITS)(x),
        *QLSTM(2, activation="quantized_tanh(5)", recurrent_activation="quantized_sigmoid(4)", return_state=True, name="lstm", **BITS)(x),
        QLSTM(2, activation="quantized_tanh(4)", return_sequences=True, name="hard", **BITS)(x),
        QGRU(2, activation="quantized_tanh(5)", recurrent_activation="quantized_sigmoid(4)", name="gru", **BITS)(x),
        QGRU(2, activation="quantized_tanh(5)", recurrent_activation="quantized_sigmoid(4)", reset_after=True, use_bias=False, return_sequences=True, name="after", **BITS)(x),
    ]


def pools():
    x = Input((4, 6, 2), name="x")
    share = dict(average_quantizer=quantized_bits(6, 0, alpha=1))
    return x, [
        QAveragePooling2D((2, 3), activation=quantized_relu(5, 1), name="mean", **share)(x),
        QAveragePooling2D(2, name="plain")(x),
        QGlobalAveragePooling2D(activation=quantized_bits(6, 0, alpha=1), name="all", **share)(x),
    ]


def cheap():
    x = Input((32,), name="x")
    signs = QActivation("binary(alpha=1)")(x)
    bits = QActivation("quantized_bits(6,0,alpha=1)")(x)
    return x, [
        QDense(16, kernel_quantizer=binary(alpha=1), use_bias=False, name="signs")(signs),
        QDense(16, kernel_quantizer=ternary(alpha=1, threshold=0.3), use_bias=False, name="thirds")(signs),
        QDense(16, kernel_quantizer=quantized_po2(4, 1), use_bias=False, name="shifts")(bits),
    ]


def rest():
    x = Input((4, 3, 2), name="x")
    y = Input((5, 2), name="y")
    bits = lambda it: quantized_bits(it, 1, alpha=1)
    weights = dict(depthwise_quantizer=bits(4), bias_quantizer=bits(5))
    norm = dict(gamma_quantizer=bits(5), beta_quantizer=bits(5), mean_quantizer=bits(5))
    return [x, y], [
        QConv1D(3, 2, kernel_quantizer=bits(4), bias_quantizer=bits(5), padding="causal", activation=quantized_relu(5, 2), name="line")(y),
        QDepthwiseConv2DBatchnorm(2, name="fold", activation=quantized_bits(8, 3, alpha=1), **weights)(x),
        QDepthwiseConv2DBatchnorm((2, 1), use_bias=False, scale=False, name="bare", **weights)(x),
        QBatchNormalization(name="norm")(x),
        QActivation("quantized_bits(8,3,alpha=1)", name="steps")(QBatchNormalization(name="grid", **norm)(y)),
        QSeparableConv1D(3, 2, pointwise_quantizer=bits(4), name="apart", **weights)(y),
        QSeparableConv2D(3, 2, pointwise_quantizer=quantized_bits(4, 0, alpha="auto_po2"), depth_multiplier=2, padding="same",
                         activation=quantized_relu(6, 3), name="separable", **weights)(x),
        QConv2DTranspose(2, (2, 3), strides=2, kernel_quantizer=bits(4), bias_quantizer=bits(5), name="up")(x),
        QConv2DTranspose(2, 3, padding="same", kernel_quantizer=ternary(alpha=1, threshold=0.3), use_bias=False, name="thirds")(x),
        TimeDistributed(QDense(3, kernel_quantizer=bits(4), bias_quantizer=bits(5)), name="times")(x),
    ]


def both():
    x = Input((3, 3), name="x")
    sequences = dict(return_sequences=True)
    relu = dict(activation="quantized_relu(4,1)", **BITS)
    gates = dict(activation="quantized_tanh(5)", recurrent_activation="quantized_sigmoid(4)", **BITS)
    return x, [
        QBidirectional(QSimpleRNN(2, **relu), merge_mode="mul", name="last")(x),
        QBidirectional(QSimpleRNN(2, **sequences, **relu), merge_mode="ave", name="mean")(x),
        QBidirectional(QLSTM(2, **sequences, **gates), merge_mode="sum", name="sums")(x),
        QBidirectional(QGRU(2, **gates), backward_layer=QGRU(2, go_backwards=True, reset_after=True, **gates), name="other")(x),
        Bidirectional(QGRU(1, **sequences, **gates), name="plain")(x),
    ]


def draw(weight):
    """Variances are positive."""
    return rng.uniform(0.3, 1.5, weight.shape) if "variance" in weight.name else rng.uniform(-1, 1, weight.shape)


for make in (steps, pools, cheap, rest, both):
    if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
        continue
    if make in (rest, both):
        rng = np.random.default_rng(7)
    tf.keras.backend.clear_session()
    model = Model(*make())
    model.set_weights([draw(it) for it in model.weights])
    name = f"qk2_{make.__name__}"
    model.save(f"{name}.h5")
    x = [(rng.integers(-32, 32, (8, *it.shape[1:])) / 16).astype("float32") for it in model.inputs]
    y = model.predict(x, verbose=0)
    arrays = {f"x{at}": it for at, it in enumerate(x)} | {f"y{at}": it for at, it in enumerate(y)}
    np.savez_compressed(f"{name}.npz", **arrays)
    print(name, [round(float(it.std()), 2) for it in y])
