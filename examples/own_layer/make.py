"""Makes the models of this example, with inputs and the outputs of Keras and of ONNX' reference.

    KERAS_BACKEND=jax python make.py     (gated.keras, gated.onnx, x.npy, keras.npy, onnx.npy)
    KERAS_BACKEND=jax python make.py kernels     (kernels.keras, kernels.npy, of the same x.npy)
    python make_torch.py     (gated.pt2, pt2.npy, of the same x.npy)

Needs keras with a backend, and onnx; make_torch.py needs PyTorch. The network has two layers of its own and an activation of its
own; layers.yml says to nn2rtl what they are. Those of the second network are in kernels.yml.
"""

import sys

import keras
import numpy as np
import onnx
from keras import ops
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


@keras.saving.register_keras_serializable()
class ScaledSwish(keras.layers.Layer):
    """gain * x * sigmoid(alpha * x), with a gain for each channel."""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def build(self, shape):
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return self.gain * x * ops.sigmoid(self.alpha * x)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@keras.saving.register_keras_serializable()
class Gate(keras.layers.Layer):
    """One tensor gated by another."""

    def call(self, x, gate):
        return x * ops.tanh(gate) + 0.5 * ops.maximum(x, gate)


@keras.saving.register_keras_serializable()
def bump(x):
    """Rises and falls."""
    return ops.exp(-x * x)


@keras.saving.register_keras_serializable()
class Smooth(keras.layers.Layer):
    """A sigmoid of two parabolas."""

    def call(self, x):
        left, right = ops.maximum(4 + x, 0) ** 2, 32 - ops.maximum(4 - x, 0) ** 2
        return ops.where(x < 0, left, right) / 32


@keras.saving.register_keras_serializable()
def fold(x):
    """Falls and rises."""
    return ops.abs(x) - 1


def of_kernels(rng, x):
    inputs = keras.Input((8,), name="x")
    a = Smooth(name="smooth")(keras.layers.Dense(6, name="first")(inputs))
    b = keras.layers.Dense(5, activation=fold, name="second")(a)
    model = keras.Model(inputs, keras.layers.Dense(3, name="scores")(b))
    model.set_weights([rng.normal(0, 0.8, it.shape).astype("f4") for it in model.get_weights()])
    model.save("kernels.keras")
    np.save("kernels.npy", np.asarray(model(x)))


def of_keras(rng, x):
    inputs = keras.Input((8,), name="x")
    a = ScaledSwish(alpha=1.5, name="swish")(keras.layers.Dense(6, name="left")(inputs))
    b = keras.layers.Dense(6, activation=bump, name="right")(inputs)
    outputs = keras.layers.Dense(3, name="scores")(Gate(name="gate")(a, b))
    model = keras.Model(inputs, outputs)
    model.set_weights([rng.normal(0, 0.5, it.shape).astype("f4") for it in model.get_weights()])
    model.save("gated.keras")
    np.save("keras.npy", np.asarray(model(x)))


class ScaledSwishOp(OpRun):
    """The same in ONNX, as an operator of a domain of its own."""

    op_domain = "my.domain"

    def _run(self, x, gain, alpha=None):
        return ((gain * x / (1 + np.exp(-np.float32(alpha) * x))).astype(x.dtype),)


ScaledSwishOp.__name__ = "ScaledSwish"


def of_onnx(rng, x):
    def constant(name, *shape):
        return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype("f4"), name)

    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["left"], "left"),
        helper.make_node("ScaledSwish", ["left", "gain"], ["swish"], "swish", domain="my.domain", alpha=1.5),
        helper.make_node("Gemm", ["swish", "w1", "b1"], ["y"], "scores"),
    ]
    weights = [constant("w0", 8, 6), constant("b0", 6), constant("gain", 6), constant("w1", 6, 3), constant("b1", 3)]
    value = lambda name, size: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
    graph = helper.make_graph(nodes, "gated", [value("x", 8)], [value("y", 3)], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.domain", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="make.py")
    onnx.save(model, "gated.onnx")
    np.save("onnx.npy", ReferenceEvaluator(model, new_ops=[ScaledSwishOp]).run(None, {"x": x})[0])


if __name__ == "__main__":
    if sys.argv[1:] == ["kernels"]:
        of_kernels(np.random.default_rng(15), np.load("x.npy"))
        sys.exit()
    rng = np.random.default_rng(14)
    x = rng.normal(0, 1, (40, 8)).astype("f4")
    np.save("x.npy", x)
    of_keras(rng, x)
    of_onnx(rng, x)
