"""Makes models of Keras 2 with functions of TensorFlow next to this file, with their outputs: k2_functions.h5, k2_shapes.h5 and
k2_aliases.h5; and k2_binary.h5, of classes with binary and ternary weights.

    pip install tensorflow-cpu==2.15.1; python make_keras2.py

A function has several names; a file has the one that its version of TensorFlow prefers, and every version finds it by all of them.
`k2_aliases` has other names than 2.15 gives; its outputs are those of the model that TensorFlow reads from it.

Not here: `einsum`, whose operands TensorFlow loses when it saves, so that not even it reads the file.
"""

import json
import sys

import h5py
import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Model, layers as L

rng = np.random.default_rng(19)


def functions():
    x = Input((2, 3), name="x")
    y = Input((2, 3), name="y")
    p = tf.abs(x) + 0.75
    return [x, y], [
        x + y, x - y, x * y, x / p, 1.5 - x, x / 4.0, -x, abs(y), x**2, p**1.5, p**0.5,
        x + tf.constant([1.0, 2, 3]), tf.add(x, y), tf.divide(x, p), tf.multiply(x, tf.constant([[[0.5], [2.0]]])),
        tf.maximum(x, y), tf.minimum(x, 0.25), tf.square(x), tf.sqrt(p), tf.math.rsqrt(p), tf.math.reciprocal(p),
        tf.math.log(p), tf.sin(x), tf.cos(x), tf.sign(x), tf.exp(x), tf.tanh(x), tf.sigmoid(x), tf.math.softplus(x),
        tf.nn.relu(x), tf.nn.relu6(x * 4.0), tf.nn.softsign(x), tf.nn.selu(x), tf.nn.silu(x), tf.nn.leaky_relu(x),
        tf.nn.leaky_relu(x, alpha=0.1), tf.nn.gelu(x), tf.nn.gelu(x, approximate=True), tf.nn.softmax(x), tf.nn.softmax(x, axis=1),
        tf.nn.log_softmax(x), tf.clip_by_value(x, -0.5, 0.75), tf.subtract(x, y), tf.negative(x),
        L.ThresholdedReLU(theta=0.5)(x),
    ]


def shapes():
    x = Input((2, 3), name="x")
    y = Input((2, 3), name="y")
    return [x, y], [
        tf.stack([x, y], axis=1), tf.reshape(x, [-1, 3, 2]), tf.transpose(x, [0, 2, 1]), tf.expand_dims(x, 1),
        tf.squeeze(tf.expand_dims(y, -1), -1), *tf.split(x, [1, 2], axis=2), *tf.split(y, 2, axis=1), tf.reverse(x, [1, 2]),
        tf.repeat(x, 2, axis=1), tf.pad(x, [[0, 0], [1, 0], [0, 2]]), tf.matmul(x, tf.transpose(y, [0, 2, 1])),
        tf.concat([x, y], axis=1), x[:, 1], x[:, :, ::2], x[:, 0, 1:],
        tf.reduce_mean(x, axis=1), tf.reduce_sum(x, axis=[1, 2], keepdims=True), tf.reduce_prod(x, axis=2),
        tf.reduce_max(x, axis=-1), tf.reduce_min(x, axis=1, keepdims=True), tf.cast(tf.argmax(x, axis=2), "float32") * 0.5,
        tf.argmin(x, axis=1), *tf.math.top_k(x, 2),
    ]


ALIASES = {
    "math.sigmoid": ["nn.sigmoid", "sigmoid"], "math.tanh": ["nn.tanh"], "math.softplus": ["nn.softplus"], "nn.silu": ["nn.swish"],
    "math.truediv": ["math.divide"], "compat.v1.transpose": ["transpose"], "compat.v1.pad": ["pad"], "compat.v1.squeeze": ["squeeze"],
}


def aliases():
    x = Input((2, 3), name="x")
    p = tf.abs(x) + 0.75
    return [x], [
        tf.sigmoid(x), tf.sigmoid(p), tf.tanh(x), tf.math.softplus(x), tf.nn.silu(x), x / p, tf.transpose(x, [0, 2, 1]),
        tf.pad(x, [[0, 0], [1, 0], [0, 2]]), tf.squeeze(tf.expand_dims(x, -1), -1),
    ]


def law(name, kernel):
    """The weights at inference."""
    if name.startswith("Binary"):
        return tf.where(kernel < 0, -1.0, 1.0)
    return tf.cast(kernel > 0.5, "float32") - tf.cast(kernel <= -0.5, "float32")


def class_of(name, base):
    """The class of that name as BinaryNet has it, without its training."""

    def call(self, inputs):
        original, self.kernel = self.kernel, law(name, self.kernel)
        outputs = base.call(self, inputs)
        self.kernel = original
        return outputs

    config = lambda self: base.get_config(self) | {"H": 1.0, "kernel_lr_multiplier": 1.0, "bias_lr_multiplier": None}
    init = lambda self, *args, H=1.0, kernel_lr_multiplier=None, bias_lr_multiplier=None, **more: base.__init__(self, *args, **more)
    return type(name, (base,), {"__init__": init, "call": call, "get_config": config})


BASES = {"BinaryDense": L.Dense, "TernaryDense": L.Dense, "BinaryConv2D": L.Conv2D, "TernaryConv2D": L.Conv2D}
CLASSES = {name: class_of(name, base) for name, base in BASES.items()}


def binary():
    x = Input((4, 3, 2), name="x")
    y = Input((6,), name="y")
    draw = lambda: {"kernel_initializer": tf.keras.initializers.RandomUniform(-1, 1, seed=int(rng.integers(99)))}
    half = lambda *args: {"bias_initializer": tf.keras.initializers.Constant(0.5)}
    return [x, y], [
        CLASSES["BinaryDense"](3, use_bias=False, **draw())(y),
        CLASSES["TernaryDense"](3, activation="relu", **draw(), **half())(y),
        CLASSES["BinaryConv2D"](2, 2, **draw(), **half())(x),
        CLASSES["TernaryConv2D"](2, (2, 3), padding="same", use_bias=False, **draw())(x),
    ]


def rename(path):
    """Gives the functions of a model other names, and those of `compat.v1` the arguments of version 2."""
    with h5py.File(path, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        for layer in model["config"]["layers"]:
            names = ALIASES.get(layer["config"].get("function"), [])
            if names:
                layer["config"]["function"] = names[0]
                names[:] = names[1:] or names
                for call in layer["inbound_nodes"]:
                    call[3].pop("conjugate", None)
        file.attrs["model_config"] = json.dumps(model)


def names(path):
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
    return sorted({it["config"]["function"] for it in layers if "function" in it["config"]})


for make in (functions, shapes, aliases, binary):
    if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
        continue
    tf.keras.backend.clear_session()
    path = f"k2_{make.__name__}.h5"
    Model(*make()).save(path)
    if make is aliases:
        rename(path)
    model = tf.keras.models.load_model(path, compile=False, custom_objects=CLASSES)
    x = [(rng.integers(-32, 33, (8, *it.shape[1:])) / 16).astype("float32") for it in model.inputs]
    outputs = model.predict(x, verbose=0)
    arrays = {f"x{at}": it for at, it in enumerate(x)} | {f"y{at}": np.asarray(it, np.float32) for at, it in enumerate(outputs)}
    np.savez_compressed(f"k2_{make.__name__}.npz", **arrays)
    print(path, len(outputs), *names(path))
