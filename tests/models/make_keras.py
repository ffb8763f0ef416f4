"""Makes the nested and shared Keras models next to this file.

    KERAS_BACKEND=jax python make_keras.py    (Keras 3: k3_nested.*, k3_zoo.*, k3_ops.*)
    python make_keras.py                        (Keras 2.14 with TensorFlow: k2_nested.*, k2_zoo.*, k2_ops.*)

k?_mlp.* are copies of the project's sample models.
"""

import os
import zipfile

import keras
import numpy as np
from keras import layers

HERE = os.path.dirname(os.path.abspath(__file__))
MAJOR = keras.__version__.split(".")[0]


def inner(name, units):
    """A nested model with a layer name (`dense`) that others have too."""
    x = keras.Input((6,), name=f"{name}_in")
    y = layers.Dense(units, activation="relu", name="dense")(x)
    y = layers.BatchNormalization(name=f"{name}_bn")(y)
    return keras.Model(x, [y, layers.Dense(2, name=f"{name}_out")(y)], name=name)


def nested():
    """Two inputs, two outputs, shared layer, shared nested model, nested Sequential."""
    a = keras.Input((4,), name="a")
    b = keras.Input((4,), name="b")
    shared = layers.Dense(6, activation="tanh", name="shared")
    left, right = inner("left", 6), inner("right", 5)
    tail = keras.Sequential(
        [keras.Input((6,), name="tail_in"), layers.Dense(3, name="dense"), layers.ReLU()], name="tail"
    )
    u, v = shared(a), shared(b)
    u1, u2 = left(u)
    v1, v2 = left(v)
    _, w2 = right(u1)
    s = layers.Add(name="sum")([u1, v1])
    t = tail(s)
    c = layers.Concatenate(name="cat")([u2, v2, w2, t])
    return keras.Model([b, a], [layers.Dense(2, name="dense")(c), t], name="nested")


def zoo():
    """Layers that consist of several objects, and options that shift the variables."""
    x = keras.Input((5, 4), name="x")
    y = layers.TimeDistributed(layers.Dense(4, activation="relu"), name="td")(x)
    y = layers.MultiHeadAttention(2, 3, name="mha")(y, value=x, key=y)
    y = layers.LayerNormalization(name="ln")(y)
    y = layers.BatchNormalization(scale=False, name="bn")(y)
    y = layers.Dropout(0.5, name="drop")(y)
    z, h, c = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(y)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True), name="bi")(z)
    y = layers.Conv1DTranspose(3, 2, name="up")(y)
    y = layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d", name="ein")(y)
    y = layers.PReLU(shared_axes=[1], name="prelu")(y)
    y = layers.Flatten(name="flat")(y)
    return keras.Model(x, layers.Concatenate(name="cat")([y, h, c]), name="zoo")


def ops():
    """Functions on tensors among the layers."""
    x = keras.Input((4,), name="x")
    y = layers.Dense(4, name="dense")(x * 2.0)
    y = (1.0 - y)[:, 1:3]
    if MAJOR == "2":
        import tensorflow as tf

        y = tf.concat([tf.nn.relu(y), x], axis=-1)
    else:
        y = keras.ops.concatenate([keras.ops.relu(y), x], axis=-1)
    return keras.Model(x, layers.Dense(1, name="dense_1")(y), name="ops")


def randomize(model, rng):
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])


def repack(path):
    """The same archive without dates and compressed, so that it is small and reproducible."""
    with zipfile.ZipFile(path) as old:
        members = [(it.filename, old.read(it)) for it in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members:
            new.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)


for make in (nested, zoo, ops):
    keras.backend.clear_session()
    model = make()
    randomize(model, np.random.default_rng(7))
    base = os.path.join(HERE, f"k{MAJOR}_{make.__name__}")
    model.save(base + ".keras")
    repack(base + ".keras")
    model.save(base + ".h5")
    if make is not ops:
        continue  # Random variances are negative: the outputs would be NaN.
    # Both versions draw the same weights, so one file of outputs serves both.
    x = np.random.default_rng(8).normal(size=(2, 4)).astype("float32")
    np.savez_compressed(os.path.join(HERE, f"k{MAJOR}_ops.npz"), x0=x, y0=model.predict(x, verbose=0))
