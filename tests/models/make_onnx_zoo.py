"""Makes the ONNX models of single operators next to this file (onnx_*.onnx) with inputs and the outputs of ONNX Runtime (of
onnx's reference where that is behind): every operator has an output of its own. Needs: pip install onnx onnxruntime
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
CHANNELS_LAST = 'qonnx.custom_op.channels_last'
GENERAL = 'qonnx.custom_op.general'


class Zoo:
    """A model under construction; `add` takes names of tensors and numbers, and makes an output."""

    def __init__(self, name, opset, **inputs):
        self.name, self.opset, self.inputs = name, opset, inputs
        self.nodes, self.constants, self.outputs = [], [], []
        self.rng = np.random.default_rng(len(name))

    def constant(self, value, dtype=np.float32):
        name = f'c{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        return self.constant(self.rng.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1)))

    def whole(self, *values):
        return self.constant(values, np.int64)

    def node(self, op, operands, outputs=1, domain='', **attrs):
        made = [f't{len(self.nodes)}_{at}' for at in range(outputs)]
        self.nodes.append(helper.make_node(op, operands, made, f'{op.lower()}_{len(self.nodes)}', domain=domain, **attrs))
        return made

    def add(self, op, *operands, outputs=1, domain='', **attrs):
        self.outputs += self.node(op, operands, outputs, domain, **attrs)

    def save(self, samples=6, span=2.0, run=None, unit=None):
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        inputs = [value(name, [1, *shape]) for name, shape in self.inputs.items()]
        outputs = [value(name, None) for name in self.outputs]
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, self.constants)
        domains = {it.domain for it in self.nodes} - {''}
        opsets = [helper.make_opsetid('', self.opset), *(helper.make_opsetid(it, 1) for it in sorted(domains))]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name='make_onnx_zoo.py')
        path = os.path.join(HERE, f'{self.name}.onnx')
        onnx.save(model, path)
        rng = np.random.default_rng(3)
        feeds = [{n: rng.uniform(-span, span, (1, *s)).astype('float32') for n, s in self.inputs.items()} for _ in range(samples)]
        if unit:
            feeds = [{n: np.round(it / np.float32(unit)) * np.float32(unit) for n, it in feed.items()} for feed in feeds]
        results = [run(**it) if run else framework(model, path, it, self.outputs) for it in feeds]
        arrays = {f'x{at}': np.concatenate([it[name] for it in feeds]) for at, name in enumerate(self.inputs)}
        arrays |= {f'y{at}': np.concatenate([np.asarray(it[at], np.float32) for it in results]) for at in range(len(self.outputs))}
        np.savez_compressed(os.path.join(HERE, f'{self.name}.npz'), **arrays)


def framework(model, path, feed, outputs):
    if model.opset_import[0].version > 21:  # ONNX Runtime is behind.
        from onnx.reference import ReferenceEvaluator
        return ReferenceEvaluator(model).run(outputs, feed)
    return onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider']).run(outputs, feed)


def elements():
    z = Zoo('onnx_elements', 20, x=[2, 4], y=[2, 4])
    for op, attrs in [
        ('Identity', {}), ('Neg', {}), ('Abs', {}), ('ThresholdedRelu', dict(alpha=0.5)), ('Elu', dict(alpha=0.75)), ('Selu', {}),
        ('HardSigmoid', dict(alpha=0.25)), ('Softplus', {}), ('Softsign', {}), ('Exp', {}), ('Mish', {}), ('Gelu', {}),
        ('Gelu', dict(approximate='tanh')), ('Sin', {}), ('Cos', {}), ('Sign', {}), ('Erf', {}), ('Floor', {}), ('Ceil', {}),
        ('Round', {}), ('HardSwish', {}), ('Celu', dict(alpha=0.5)), ('Shrink', dict(lambd=0.5, bias=0.5)),
        ('LogSoftmax', {}), ('Dropout', {}), ('Cast', dict(to=TensorProto.FLOAT)), ('Sigmoid', {}), ('Tanh', {}), ('Relu', {}),
        ('LeakyRelu', dict(alpha=0.125)), ('Softmax', {}),
    ]:
        z.add(op, 'x', **attrs)
    positive, = z.node('Add', [*z.node('Abs', ['y']), z.constant(0.25)])
    for op in ['Sqrt', 'Reciprocal', 'Log']:
        z.add(op, positive)
    z.add('PRelu', 'x', z.constant([[0.25], [0.5]]))
    z.add('Pow', 'x', z.constant(2.0))
    for op in ['Sum', 'Mean', 'Max', 'Min', 'Add', 'Sub', 'Mul']:
        z.add(op, 'x', 'y')
    z.add('Div', 'x', z.constant(4.0))
    z.add('Clip', 'x', z.constant(-0.5), z.constant(1.0))
    z.save()


def arrangements():
    z = Zoo('onnx_arrangements', 18, x=[4, 2, 4], v=[6])
    z.add('Squeeze', *z.node('Unsqueeze', ['v', z.whole(1)]), z.whole(1))
    z.add('Flatten', 'x')
    z.add('Reshape', 'x', z.whole(1, 8, 4))
    z.add('Transpose', 'x', perm=[0, 2, 3, 1])
    z.add('SpaceToDepth', 'x', blocksize=2)
    z.add('DepthToSpace', 'x', blocksize=2)
    z.add('Gather', 'v', z.whole(4, 0, 0), axis=1)
    z.add('Slice', 'x', z.whole(3), z.whole(0), z.whole(3), z.whole(-2))
    z.add('Split', 'v', z.whole(2, 4), outputs=2, axis=1)
    z.add('Concat', 'v', 'v', axis=1)
    z.add('Expand', *z.node('Reshape', ['v', z.whole(1, 6, 1)]), z.whole(1, 6, 2))
    z.add('Tile', 'v', z.whole(1, 2))
    z.add('Pad', 'x', z.whole(0, 0, 1, 0, 0, 0, 0, 2))
    z.add('Resize', 'x', '', z.constant([1, 1, 2, 2]), mode='nearest')
    z.save()
    z = Zoo('onnx_upsample', 9, x=[1, 2, 3])
    z.add('Upsample', 'x', z.constant([1, 1, 2, 2]), mode='nearest')
    z.save()


def sums():
    z = Zoo('onnx_sums', 18, x=[3, 2, 4], v=[4])
    z.add('Gemm', 'v', z.weight(4, 3), z.weight(3))
    z.add('MatMul', 'v', z.weight(4, 2))
    z.add('Einsum', 'x', z.weight(4, 3), equation='bchw,wk->bchk')
    z.add('Conv', 'x', z.weight(2, 3, 2, 2), z.weight(2), pads=[1, 0, 0, 1])
    z.add('ConvTranspose', 'x', z.weight(3, 2, 2, 2), strides=[2, 1])
    z.add('BatchNormalization', 'x', z.weight(3), z.weight(3), z.weight(3), z.constant([0.5, 1, 2]))
    for op in ['MaxPool', 'AveragePool']:
        z.add(op, 'x', kernel_shape=[2, 2], strides=[1, 2])
    for op in ['GlobalAveragePool', 'GlobalMaxPool']:
        z.add(op, 'x')
    for op in ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp']:
        z.add(op, 'x', z.whole(2, 3))
    z.add('ReduceProd', 'v', z.whole(1), keepdims=0)
    z.add('ReduceLogSum', *z.node('Abs', ['v']), z.whole(1))
    z.save(span=1.0)


def norms():
    z = Zoo('onnx_norms', 21, x=[4, 2, 2])
    z.add('LayerNormalization', 'x', z.weight(2), z.weight(2))
    z.add('InstanceNormalization', 'x', z.weight(4), z.weight(4))
    z.add('GroupNormalization', 'x', z.weight(4), z.weight(4), num_groups=2)
    z.add('LpNormalization', 'x', axis=1)
    z.add('MeanVarianceNormalization', 'x', axes=[2, 3])
    z.save()
    z = Zoo('onnx_later', 24, x=[4])
    z.add('RMSNormalization', 'x', z.weight(4))
    z.add('Swish', 'x')
    z.save()


def recurrent():
    z = Zoo('onnx_recurrent', 14, x=[3, 2])
    for op, gates in [('RNN', 1), ('GRU', 3), ('LSTM', 4)]:
        turned, = z.node('Transpose', ['x'], perm=[1, 0, 2])
        w, r, b = z.weight(1, gates * 2, 2), z.weight(1, gates * 2, 2), z.weight(1, gates * 4)
        attrs = dict(linear_before_reset=1) if op == 'GRU' else {}
        y = z.node(op, [turned, w, r, b], hidden_size=2, **attrs)
        z.add('Transpose', *z.node('Squeeze', [*y, z.whole(1)]), perm=[1, 0, 2])
    z.save(span=1.0)


def quantized():
    z = Zoo('onnx_channels_last', 13, x=[4, 4, 2])
    quant = [z.constant(0.125), z.constant(0.0), z.constant(4.0)]
    x, = z.node('IntQuant', ['x', *quant], domain=GENERAL, signed=1, narrow=0, rounding_mode='ROUND')
    sign, = z.node('BipolarQuant', ['x', z.constant(1.0)], domain=GENERAL)
    w = z.rng.integers(-3, 4, (3, 2, 2, 2)) / 4
    pool = dict(domain=CHANNELS_LAST, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
    z.add('Conv', x, z.constant(w), domain=CHANNELS_LAST, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 0, 0], group=1, dilations=[1, 1])
    z.add('MaxPool', x, **pool)
    z.add('AveragePool', sign, **pool)
    norm = np.array([[1, 0.5], [0.25, -0.5], [0.5, 1], [1, 1]])
    z.add('BatchNormalization', x, *map(z.constant, norm), domain=CHANNELS_LAST, epsilon=0.0)

    def run(x):
        """What the operators mean, in numpy: qonnx runs not all of them."""
        codes = np.clip(np.round(x / 0.125), -8, 7) * 0.125
        sign = np.where(x >= 0, 1.0, -1.0)
        windows = np.stack([codes[:, i:i + 3, j:j + 3] for i in (0, 1) for j in (0, 1)], axis=-2)
        conv = np.einsum('nhwkc,ock->nhwo', windows, w.reshape(3, 2, 4))
        blocks = lambda it: it.reshape(1, 2, 2, 2, 2, 2)
        gamma, beta, mean, variance = norm
        return [conv, blocks(codes).max((2, 4)), blocks(sign).mean((2, 4)), (codes - mean) / np.sqrt(variance) * gamma + beta]

    z.save(run=run)


def halves():
    """Quantizers in two halves, as integers in int8 and uint8; and truncations, which only QONNX has."""
    z = Zoo('onnx_qdq', 21, x=[2, 4])

    def both(x, scale, zero, dtype=np.int8, **attrs):
        pair = [z.constant(scale), z.constant(zero, dtype)]
        return [*z.node('QuantizeLinear', [x, *pair], **attrs), *pair]

    codes = both('x', 2**-4, 0)
    x, = z.node('DequantizeLinear', codes)
    z.add('DequantizeLinear', *both('x', 2**-5, 128, np.uint8))
    z.add('DequantizeLinear', *both('x', 0.3, 0))
    w = [z.constant(z.rng.integers(-7, 8, (4, 3)), np.int8), z.constant([0.25, 0.5, 0.125]), z.constant([0, 0, 0], np.int8)]
    w, = z.node('DequantizeLinear', w, axis=1)
    y, = z.node('MatMul', [x, w])
    z.add('DequantizeLinear', *both(y, [0.25, 0.5, 0.5], [0, 0, 0], axis=2), axis=2)
    r, = z.node('Relu', [y])
    z.add('DequantizeLinear', *both(r, 0.5, 0, np.uint8))
    z.save(unit=2**-10)

    z = Zoo('onnx_trunc', 13, x=[2, 4])
    quant = lambda x, *of: z.node('IntQuant', [x, *map(z.constant, of)], domain=GENERAL, signed=1, narrow=0, rounding_mode='ROUND')
    x, = quant('x', 0.0625, 0.0, 7.0)
    w = z.rng.integers(-3, 4, (4, 3)) / 4
    y, = z.node('MatMul', [x, z.constant(w)])
    of = lambda *numbers: map(z.constant, numbers)
    z.add('Trunc', x, *of(0.0625, 0.0, 7.0, 4.0), domain=GENERAL, rounding_mode='FLOOR')
    z.add('Trunc', y, *of(2**-6, 0.0, 10.0, 6.0), domain=GENERAL, rounding_mode='ROUND')
    z.add('Trunc', x, *of(0.0625, 0.0, 7.0, 0.5, 4.0), domain=GENERAL, rounding_mode='FLOOR', signed=1, narrow=0)
    z.add('Trunc', y, *of(2**-6, 0.0, 10.0, 0.125, 5.0), domain=GENERAL, rounding_mode='ROUND', signed=1, narrow=1)

    def run(x):
        """What the operators mean, in numpy."""
        x = np.clip(np.round(x / 0.0625), -64, 63)
        y = x / 16 @ w * 64
        second = np.clip(np.round(y / 8), -15, 15) / 8
        return [np.floor(x / 8) / 16, np.round(y / 16) / 64, np.clip(np.floor(x / 8), -8, 7) / 2, second]

    z.save(run=run, unit=2**-10)


for make in (elements, arrangements, sums, norms, recurrent, quantized, halves):
    if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
        make()
