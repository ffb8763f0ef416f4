"""Makes qk2_steps.h5, qk2_pools.h5 and qk2_cheap.h5: recurrent and pooling layers of QKeras, products with signs and powers
of two, with their outputs.

    pip install tensorflow-cpu==2.15.1 qkeras==0.9.0 'setuptools<70'; python make_qkeras.py
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.util import nest

nest.is_sequence = nest.is_nested  # its old name, which QKeras uses
from qkeras import QActivation, QAveragePooling2D, QDense, QGlobalAveragePooling2D, QGRU, QLSTM, QSimpleRNN
from qkeras import binary, quantized_bits, quantized_po2, quantized_relu, ternary
from tensorflow.keras import Input, Model

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


for make in (steps, pools, cheap):
    tf.keras.backend.clear_session()
    model = Model(*make())
    model.set_weights([rng.uniform(-1, 1, it.shape) for it in model.get_weights()])
    name = f"qk2_{make.__name__}"
    model.save(f"{name}.h5")
    x = (rng.integers(-32, 32, (8, *model.input.shape[1:])) / 16).astype("float32")
    y = model.predict(x, verbose=0)
    np.savez_compressed(f"{name}.npz", x0=x, **{f"y{at}": it for at, it in enumerate(y)})
