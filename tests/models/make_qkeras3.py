"""Makes qk3_rest.keras: layers of QKeras v3 (Keras 3) that version 0.9 has not, or writes otherwise, with their outputs.

    pip install keras==3.15.1 jax qkeras-v3==1.2.1; KERAS_BACKEND=jax python make_qkeras3.py
"""

import zipfile

import keras
import numpy as np
from keras import Input, Model
from qkeras import QBidirectional, QConv2DTranspose, QDense, QDenseBatchnorm, QLSTM, QSeparableConv1D, quantized_bits, quantized_relu

rng = np.random.default_rng(29)
bits = lambda it: quantized_bits(it, 1, alpha=1)
weights = dict(kernel_quantizer=bits(4), bias_quantizer=bits(5))
cell = dict(recurrent_quantizer=bits(4), state_quantizer=bits(5), activation="quantized_tanh(5)",
            recurrent_activation="quantized_sigmoid(4)", return_sequences=True, **weights)

x = Input((6,), name="x")
y = Input((4, 2), name="y")
z = Input((2, 3, 2), name="z")
outputs = [
    QDenseBatchnorm(4, activation=quantized_relu(6, 2), name="fold", **weights)(x),
    QDenseBatchnorm(3, use_bias=False, name="bare", **weights)(x),
    QSeparableConv1D(3, 2, depthwise_quantizer=bits(4), pointwise_quantizer=bits(4), bias_quantizer=bits(5), name="apart")(y),
    QConv2DTranspose(2, (2, 3), strides=2, name="up", **weights)(z),
    QBidirectional(QLSTM(2, **cell), name="both")(y),
]
model = Model([x, y, z], outputs)
for it in model.weights:
    if it.dtype.startswith("float"):
        low = 0.3 if "variance" in it.path else -1
        it.assign(rng.uniform(low, 1, it.shape))
path = "qk3_rest.keras"
model.save(path)
with zipfile.ZipFile(path) as old:
    members = [(it.filename, old.read(it)) for it in old.infolist()]
with zipfile.ZipFile(path, "w") as new:
    for name, data in members:
        new.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
x = [(rng.integers(-32, 32, (8, *it.shape[1:])) / 16).astype("float32") for it in model.inputs]
y = model.predict(x, verbose=0)
arrays = {f"x{at}": it for at, it in enumerate(x)} | {f"y{at}": np.asarray(it) for at, it in enumerate(y)}
np.savez_compressed("qk3_rest.npz", **arrays)
print([round(float(np.std(it)), 2) for it in y])
