"""Makes the Keras 3 models of many layers next to this file, with inputs and outputs.

    KERAS_BACKEND=jax python make_layers.py    (layers_*.keras, layers_*.npz)

Each model has an output for each kind or option of a layer.
"""

import os
import sys
import zipfile

import keras
import numpy as np
from keras import layers as L
from keras import ops as K
from keras.src.ops.numpy import Abs

HERE = os.path.dirname(os.path.abspath(__file__))


def conv():
    x = keras.Input((7, 6, 4), name="x")
    y = keras.Input((9, 4), name="y")
    return [x, y], [
        L.Conv2D(3, 3)(x),
        L.Conv2D(3, (3, 2), strides=(2, 1), padding="same", use_bias=False)(x),
        L.Conv2D(6, 3, groups=2, padding="same", activation="relu")(x),
        L.Conv2D(2, 2, dilation_rate=(2, 1))(x),
        L.DepthwiseConv2D(3, depth_multiplier=2)(x),
        L.DepthwiseConv2D((2, 3), strides=(2, 2), padding="same")(x),
        L.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="tanh")(x),
        L.Conv2DTranspose(3, 3, strides=2)(x),
        L.Conv2DTranspose(3, (3, 2), strides=(2, 3), padding="same")(x),
        L.Conv2DTranspose(2, 4, strides=2, padding="same", use_bias=False)(x),
        L.Conv2DTranspose(2, 2, strides=3)(x),
        L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1)(x),
        L.Conv1D(5, 3, padding="causal", dilation_rate=2)(y),
        L.Conv1D(5, 4, strides=3, padding="same")(y),
        L.Conv1D(4, 2, groups=4)(y),
        L.DepthwiseConv1D(3, strides=2)(y),
        L.SeparableConv1D(3, 3)(y),
        L.Conv1DTranspose(3, 3, strides=2, padding="valid")(y),
        L.Conv1DTranspose(3, 2, dilation_rate=2, padding="same")(y),
    ]


def pool():
    x = keras.Input((7, 6, 3), name="x")
    y = keras.Input((8, 3), name="y")
    return [x, y], [
        L.MaxPooling2D()(x),
        L.MaxPooling2D((3, 2), strides=2, padding="same")(x),
        L.AveragePooling2D(3, strides=(2, 1), padding="same")(x),
        L.AveragePooling2D((2, 3))(x),
        L.MaxPooling1D(3, strides=2)(y),
        L.AveragePooling1D(3, padding="same")(y),
        L.GlobalAveragePooling2D()(x),
        L.GlobalMaxPooling2D(keepdims=True)(x),
        L.GlobalAveragePooling1D(keepdims=True)(y),
        L.GlobalMaxPooling1D()(y),
        L.GlobalAveragePooling1D(data_format="channels_first")(y),
    ]


def shape():
    x = keras.Input((4, 6, 3), name="x")
    y = keras.Input((5, 3), name="y")
    v = keras.Input((3,), name="v")
    return [x, y, v], [
        L.Permute((3, 1, 2))(x),
        L.ZeroPadding2D(((1, 2), (0, 3)))(x),
        L.ZeroPadding2D((2, 1))(x),
        L.ZeroPadding1D((2, 1))(y),
        L.Cropping2D(((1, 0), (2, 1)))(x),
        L.Cropping1D((1, 2))(y),
        L.UpSampling2D((2, 3))(x),
        L.UpSampling2D((3, 2), interpolation="bilinear")(x),
        L.UpSampling1D(2)(y),
        L.RepeatVector(4)(v),
        L.Concatenate(axis=1)([y, y, L.ZeroPadding1D(1)(y)]),
        L.Concatenate()([x, x]),
        L.Flatten()(x),
        L.Reshape((-1, 9))(x),
        L.Add()([y, v_row(v), y]),
        L.Subtract()([x, L.GlobalMaxPooling2D(keepdims=True)(x)]),
        L.Multiply()([x, x]),
        L.Average()([y, y, v_row(v)]),
        L.Maximum()([y, v_row(v)]),
        L.Minimum()([y, v_row(v)]),
        L.Dot(axes=1)([v, v]),
        L.Dot(axes=(2, 2))([y, y]),
        L.Dot(axes=2, normalize=True)([y, y]),
    ]


def v_row(v):
    return L.Reshape((1, 3))(v)


def rnn():
    x = keras.Input((6, 4), name="x")
    h = keras.Input((3,), name="h")
    c = keras.Input((3,), name="c")
    seq = dict(return_sequences=True)
    state = dict(return_state=True)
    return [x, h, c], [
        L.SimpleRNN(3)(x),
        L.SimpleRNN(3, activation="relu", use_bias=False, **seq)(x, initial_state=h),
        L.LSTM(3, **seq)(x),
        *L.LSTM(3, recurrent_activation="hard_sigmoid", **seq, **state)(x, initial_state=[h, c]),
        *L.LSTM(3, go_backwards=True, activation="softsign", **state)(x),
        L.GRU(3, **seq)(x),
        L.GRU(3, reset_after=False, go_backwards=True, **seq)(x),
        *L.GRU(3, reset_after=False, use_bias=False, **state)(x),
        *L.GRU(3, **seq, **state)(x, initial_state=h),
        L.Bidirectional(L.LSTM(3))(x),
        L.Bidirectional(L.GRU(3, **seq), merge_mode="sum")(x),
        L.Bidirectional(L.SimpleRNN(3, **seq), merge_mode="mul")(x),
        L.Bidirectional(L.LSTM(3, **seq), merge_mode="ave", backward_layer=L.LSTM(3, go_backwards=True, activation="relu", **seq))(x),
        *L.Bidirectional(L.GRU(3, **seq), merge_mode=None)(x),
        *L.Bidirectional(L.LSTM(3, **seq, **state))(x, initial_state=[h, c, c, h]),
    ]


def attention():
    x = keras.Input((5, 4), name="x")
    y = keras.Input((7, 4), name="y")
    z = keras.Input((3, 6, 5, 2), name="z")
    i = keras.Input((5,), name="i", dtype="int32")
    return [x, y, z, i], [
        L.MultiHeadAttention(2, 3)(x, y),
        L.MultiHeadAttention(2, 3, output_shape=6, use_bias=False)(x, y, key=y),
        L.MultiHeadAttention(3, 2)(x, x, use_causal_mask=True),
        L.GroupQueryAttention(3, 4, 2)(y, y),
        L.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", activation="relu")(x),
        L.EinsumDense("...x,xy->...y", 3)(x),
        L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")(x),
        L.EinsumDense("abc,bcd->abd", (5, 2), bias_axes="bd")(x),
        L.EinsumDense("abc,bd->adc", (3, 4), bias_axes="d")(x),
        L.TimeDistributed(L.Conv2D(3, 2, activation="relu"))(z),
        L.TimeDistributed(L.SeparableConv2D(3, 2))(z),
        L.TimeDistributed(L.Dense(3))(x),
        L.TimeDistributed(L.Flatten())(z),
        L.Embedding(10, 3)(i),
        L.Softmax(axis=1)(x),
        L.Attention()([x, y]),
        L.Attention()([x, x, L.Dense(4)(x)], use_causal_mask=True),
        K.einsum("bij,bkj->bki", x, y),
        L.Multiply()([x, L.Dense(1)(x)]),
    ]


def norm():
    x = keras.Input((4, 5, 6), name="x")
    y = keras.Input((6,), name="y")
    names = """relu relu6 elu selu sigmoid tanh softplus softsign exponential gelu silu mish hard_sigmoid hard_silu
        leaky_relu celu log_sigmoid squareplus hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid softmax linear"""
    return [x, y], [
        L.LayerNormalization()(x),
        L.LayerNormalization(axis=[1, 2], center=False)(x),
        L.LayerNormalization(axis=2, scale=False, epsilon=0.1)(x),
        L.LayerNormalization(rms_scaling=True)(x),
        L.RMSNormalization()(x),
        L.UnitNormalization()(x),
        L.UnitNormalization(axis=[1, 3])(x),
        L.GroupNormalization(3)(x),
        L.GroupNormalization(-1, scale=False)(x),
        L.GroupNormalization(1)(y),
        L.BatchNormalization(center=False)(x),
        L.Rescaling(0.5, offset=-2)(x),
        L.Rescaling([1.0, 2, 3, 4, 5, 6])(y),
        L.Normalization(mean=0.5, variance=2.0, axis=None)(x),
        L.Normalization(mean=[1.0] * 6, variance=[2.0] * 6, invert=True)(x),
        L.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5)(y),
        L.LeakyReLU(negative_slope=0.3)(y),
        L.PReLU(shared_axes=[1, 2])(x),
        L.ELU(alpha=0.7)(y),
        L.Dropout(0.5)(L.GaussianNoise(0.1)(L.SpatialDropout2D(0.1)(x))),
        *[L.Activation(name)(y) for name in names.split()],
    ]


def functions():
    x = keras.Input((4, 6), name="x")
    y = keras.Input((4, 6), name="y")
    p = K.relu(x) + 0.5
    return [x, y], [
        x + y, x - y, x * y, x / p, 1.0 / p, 2.0 - x, x / 4.0, -x, abs(x), x**2, p**0.5, p**1.5,
        x + K.convert_to_tensor([1.0, 2, 3, 4, 5, 6]),
        x * K.convert_to_tensor([[[1.0], [2], [3], [4]]]),
        K.maximum(x, 0.25), K.minimum(x, y), K.square(x), K.sqrt(p), K.rsqrt(p), K.log(p), K.sin(x), K.cos(x), K.sign(x),
        K.exp(x), K.clip(x, -0.5, 0.75), K.leaky_relu(x, 0.1), K.elu(x, 0.5), K.celu(x, 0.5), K.gelu(x), K.gelu(x, approximate=False),
        K.silu(x), K.tanh(x), K.sigmoid(x), K.hard_sigmoid(x), K.hard_tanh(x), K.softmax(x), K.softmax(x, axis=1),
        K.mean(x, axis=1), K.mean(x, axis=(1, 2), keepdims=True), K.sum(x, axis=-1), K.max(x, axis=1), K.min(x, axis=2, keepdims=True), K.prod(x, axis=2),
        K.reshape(x, (-1, 3, 8)), K.transpose(x, (0, 2, 1)), K.expand_dims(x, 1), K.squeeze(K.expand_dims(x, -1), -1),
        x[:, 1:3, ::2], x[:, 0], x[:, :, -1], x[:, ::-1],
        *K.split(x, 3, axis=-1), *K.split(x, [1, 3], axis=1),
        K.stack([x, y], axis=1), K.concatenate([x, y], axis=1), K.flip(x, axis=1), K.repeat(x, 2, axis=1),
        K.pad(x, ((0, 0), (1, 2), (0, 1))), K.matmul(x, K.transpose(y, (0, 2, 1))),
    ]


def nested():
    """Models in models, called several times; shared layers."""
    a = keras.Input((3, 4), name="a")
    b = keras.Input((3, 4), name="b")
    inner_x = keras.Input((3, 4), name="inner_x")
    inner_h = keras.Input((2,), name="inner_h")
    z, h = L.GRU(2, return_sequences=True, return_state=True, name="gru")(inner_x, initial_state=inner_h)
    inner = keras.Model([inner_x, inner_h], [L.BatchNormalization(name="bn")(z), L.Dense(2, name="dense")(h)], name="inner")
    tail = keras.Sequential([keras.Input((3, 2)), L.Conv1D(4, 2, name="conv"), L.ReLU(), L.Flatten()], name="tail")
    shared = L.Dense(2, activation="tanh", name="dense")
    first = shared(L.GlobalMaxPooling1D(name="max")(a))
    y1, h1 = inner([a, first])
    y2, h2 = inner([b, h1])
    return [b, a], [tail(y1), tail(L.Add(name="sum")([y1, y2])), shared(L.Flatten()(L.Cropping1D((1, 1))(b))), h2]


def wires():
    """Layers that are built."""
    x = keras.Input((2, 3, 2), name="x")
    v = keras.Input((2,), name="v")
    turned = L.Permute((2, 1, 3))(x)
    padded = L.ZeroPadding2D(((1, 0), (0, 1)))(x)
    cropped = L.Cropping2D(((1, 0), (0, 2)))(padded)
    wide = L.UpSampling2D((1, 2))(turned)
    total = L.Add()([wide, padded, wide])
    row = L.Reshape((1, 1, 2))(v)
    larger = L.Maximum()([L.Subtract()([total, row]), L.Minimum()([row, padded])])
    return [x, v], [
        L.Concatenate(axis=3)([padded, wide]),
        L.Multiply()([larger, wide]),
        L.UpSampling2D(2, interpolation="bilinear")(cropped),
        L.Average()([larger, row, padded]),
        L.Softmax(axis=1)(turned),
        L.RepeatVector(3)(v),
        K.split(turned, 2, axis=-1)[1] * K.convert_to_tensor([[[[1.5]], [[2]], [[3]]]]),
    ]


def volume():
    """Layers with three spatial axes, and what only training knows."""
    x = keras.Input((3, 2, 3, 2), name="x")
    y = keras.Input((3, 2), name="y")
    drop = L.SpatialDropout3D(0.2)(L.ActivityRegularization(l2=0.1)(x))
    row = L.Identity()(L.AlphaDropout(0.1)(L.GaussianDropout(0.1)(L.SpatialDropout1D(0.3)(y))))
    return [x, y], [
        L.Conv3D(2, 2)(drop),
        L.Conv3D(2, (2, 1, 2), strides=(2, 1, 1), padding="same", activation="relu")(x),
        L.Conv3D(4, (1, 2, 1), groups=2, dilation_rate=(2, 1, 1), use_bias=False)(x),
        L.Conv3DTranspose(1, (2, 1, 2), strides=(1, 2, 1))(x),
        L.Conv3DTranspose(2, (1, 2, 3), strides=(1, 1, 2), padding="same", use_bias=False)(x),
        L.MaxPooling3D((2, 1, 2))(x),
        L.MaxPooling3D((2, 2, 1), strides=1, padding="same")(x),
        L.AveragePooling3D((1, 2, 3))(x),
        L.AveragePooling3D((3, 1, 2), strides=2, padding="same")(x),
        L.GlobalMaxPooling3D()(x),
        L.GlobalAveragePooling3D(keepdims=True)(x),
        L.Cropping3D(((1, 0), (0, 1), (1, 1)))(x),
        L.Cropping3D((1, 0, 1))(x),
        L.UpSampling3D((1, 2, 2))(L.Cropping3D((1, 0, 1))(x)),
        L.ZeroPadding3D(((1, 0), (0, 2), (0, 0)))(L.Cropping3D((1, 0, 1))(x)),
        row + 0.5,
    ]


def rest():
    """Functions that no other model has."""
    x = keras.Input((2, 3), name="x")
    p = K.abs(x) + 0.75
    return [x], [
        *[getattr(K, it)(x) for it in """relu6 softplus softsign selu hard_silu log_sigmoid sparse_plus sparse_sigmoid
            tanh_shrink log_softmax""".split()],
        K.log_softmax(x, axis=1), K.reciprocal(p), K.amax(x, axis=2), K.amin(x, axis=(1, 2), keepdims=True),
        Abs()(x), K.cast(K.argmax(x, axis=2), "float32") - K.amin(p, axis=2), L.Activation("relu6")(x), K.selu(x) * 0.5 - K.softsign(p),
    ]


def repack(path):
    """The same archive without dates and compressed, so that it is small and reproducible."""
    with zipfile.ZipFile(path) as old:
        members = [(it.filename, old.read(it)) for it in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members:
            new.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)


def block():
    x = keras.Input((3, 4), name="x")
    i = keras.Input((3,), name="i", dtype="int32")
    h = L.Add()([x, L.Embedding(6, 4)(i)])
    h = L.LayerNormalization()(L.Add()([h, L.MultiHeadAttention(2, 2)(h, h, use_causal_mask=True)]))
    scores = K.einsum("bij,bkj->bki", h, x)
    return [x, i], [
        L.Dense(2)(h),
        L.Dot(axes=(1, 1))([scores, h]),
        K.prod(h, axis=2),
        K.divide(x, L.Activation("sigmoid")(h)),
        K.sin(h),
        L.UnitNormalization()(x),
    ]


def ranks():
    x = keras.Input((7,), name="x")
    y = keras.Input((3, 4, 2), name="y")
    return [x, y], [
        K.argmax(L.Dense(5)(x), axis=-1),
        K.argmin(y, axis=1),
        K.argmax(y, axis=2, keepdims=True),
        *K.top_k(x, 3),
        K.top_k(y, 2)[1],
        K.add(K.argmax(x, axis=1, keepdims=True), x),
    ]


def resize():
    """Bilinear weights that are exact in binary."""
    x = keras.Input((3, 4, 2), name="x")
    return [x], [
        L.UpSampling2D(2, interpolation="bilinear")(x),
        L.UpSampling2D((4, 1), interpolation="bilinear")(x),
        L.Conv2D(2, 2)(L.UpSampling2D((1, 2), interpolation="bilinear")(x)),
    ]


for make in (conv, pool, shape, rnn, attention, norm, functions, nested, wires, block, ranks, resize, volume, rest):
    if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
        continue
    keras.backend.clear_session()
    rng = np.random.default_rng(11)
    model = keras.Model(*make())
    model.set_weights([(0.5 * rng.normal(size=w.shape)).astype("float32") if "variance" not in v.path
                       else rng.uniform(0.5, 2, size=w.shape).astype("float32")
                       for v, w in zip(model.weights, model.get_weights())])
    base = os.path.join(HERE, f"layers_{make.__name__}")
    model.save(base + ".keras")
    repack(base + ".keras")
    arrays = {}
    for at, it in enumerate(model.inputs):
        shape = (2, *it.shape[1:])
        arrays[f"x{at}"] = rng.integers(0, 6 if make is block else 10, shape).astype("int32") if it.dtype == "int32" else rng.normal(size=shape).astype("float32")
    if make is resize:
        arrays["x0"] = np.round(arrays["x0"] * 32) / 32
    outputs = model.predict([arrays[f"x{at}"] for at in range(len(model.inputs))], verbose=0)
    for at, it in enumerate(outputs):
        arrays[f"y{at}"] = np.asarray(it)
    np.savez_compressed(base + ".npz", **arrays)
