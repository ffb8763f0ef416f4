"""Makes hgq1_proxy.h5: a proxy model of HGQ 1, untrained, with its outputs: quantizers of every element between layers of Keras, and
a table.

    pip install tensorflow-cpu==2.15.1 HGQ==0.2.6; python make_hgq1.py
"""

import HGQ
import numpy as np
import tensorflow as tf
from HGQ.layers import HActivation, HAdd, HConv2D, HDense, HQuantize, PFlatten, PMaxPooling2D
from HGQ.proxy import to_proxy_model
from tensorflow.keras import Input, Model

tf.keras.utils.set_random_seed(23)
rng = np.random.default_rng(23)

x = Input((5, 4, 2), name="x")
quantized = HQuantize(name="port", beta=0)(x)
conv = HConv2D(3, (2, 2), activation="relu", beta=0, name="conv")(quantized)
pool = PFlatten(name="flat")(PMaxPooling2D((2, 1), name="pool")(conv))
tanh = HActivation("tanh", beta=0, name="tanh")(HDense(4, beta=0, name="hidden")(pool))
sum = HAdd(beta=0, name="sum")([tanh, HDense(4, activation="relu", beta=0, name="other")(pool)])
model = Model(x, HDense(3, beta=0, name="scores")(sum))

for layer in model.layers:
    for weight in layer.weights:
        if "bw" in weight.name or "fbw" in weight.name:
            weight.assign(np.round(np.clip(weight.numpy(), 2, 4)) + rng.integers(-1, 2, weight.shape))
samples = rng.normal(size=(200, 5, 4, 2)).astype("float32")
HGQ.trace_minmax(model, samples, cover_factor=1.0, bsz=100)
proxy = to_proxy_model(model, aggressive=True, unary_lut_max_table_size=1024)
proxy.save("hgq1_proxy.h5")
x = samples[:48]
y = proxy.predict(x, verbose=0)
differ = int((y != model.predict(x, verbose=0)).sum())
np.savez_compressed("hgq1_proxy.npz", x0=x, y0=y)
print([type(it).__name__ for it in proxy.layers], y.std(), differ, "of", y.size, "differ from the model")
