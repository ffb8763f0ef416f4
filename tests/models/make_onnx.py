"""Makes trunc_qonnx.onnx: QONNX truncations, which no unit computes; and scalar_matmul.onnx: a product with a scalar, which
ONNX does not have; ranks.onnx: places of the largest, and images made larger; graph.onnx: a graph network. Needs: pip install onnx"""
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

rng = np.random.default_rng(5)
DOMAIN = 'qonnx.custom_op.general'
constants = {'scale': 0.1, 'zero': 0.0, 'eight': 8.0, 'five': 5.0}
weights = [numpy_helper.from_array(np.float32(v), n) for n, v in constants.items()]
weights += [numpy_helper.from_array((rng.integers(-7, 8, (4, 4)) / 8).astype(np.float32), n) for n in ('w0', 'w1')]
trunc = lambda x, y, name: helper.make_node('Trunc', [x, 'scale', 'zero', 'eight', 'five'], [y], name, domain=DOMAIN, rounding_mode='FLOOR')
nodes = [helper.make_node('MatMul', ['x', 'w0'], ['a'], 'first'), trunc('a', 'b', 'cut'),
         helper.make_node('MatMul', ['b', 'w1'], ['c'], 'second'), trunc('c', 'y', 'cut_again')]
value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4])
graph = helper.make_graph(nodes, 'trunc', [value('x')], [value('y')], weights)
opsets = [helper.make_opsetid('', 13), helper.make_opsetid(DOMAIN, 1)]
save(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name='make_onnx.py'), 'trunc_qonnx.onnx')

nodes = [helper.make_node('MatMul', ['x', 'scale'], ['y'], 'product')]
graph = helper.make_graph(nodes, 'scalar', [value('x')], [value('y')], weights[:1])
save(helper.make_model(graph, opset_imports=opsets[:1], ir_version=8, producer_name='make_onnx.py'), 'scalar_matmul.onnx')

from onnx.reference import ReferenceEvaluator

w = numpy_helper.from_array((rng.integers(-7, 8, (12, 5)) / 8).astype(np.float32), 'w')
k = numpy_helper.from_array(np.int64([2]), 'k')
scales = numpy_helper.from_array(np.float32([1, 1, 2, 4]), 'scales')
flat = numpy_helper.from_array(np.int64([0, 12]), 'flat')
nodes = [helper.make_node('Reshape', ['x', 'flat'], ['rows'], 'reshape'), helper.make_node('MatMul', ['rows', 'w'], ['scores'], 'dense'),
         helper.make_node('ArgMax', ['scores'], ['class'], 'class', axis=1, keepdims=0),
         helper.make_node('ArgMax', ['x'], ['last'], 'last', axis=-1, select_last_index=1),
         helper.make_node('ArgMin', ['x'], ['least'], 'least', axis=2),
         helper.make_node('TopK', ['x', 'k'], ['values', 'places'], 'few', axis=3),
         helper.make_node('Resize', ['x', '', 'scales'], ['wide'], 'resize', mode='linear')]
info = lambda n, t, s: helper.make_tensor_value_info(n, t, s)
outputs = [info('class', 7, ['N']), info('last', 7, ['N', 1, 3, 1]), info('least', 7, ['N', 1, 1, 4]),
           info('values', 1, ['N', 1, 3, 2]), info('places', 7, ['N', 1, 3, 2]), info('wide', 1, ['N', 1, 6, 16])]
graph = helper.make_graph(nodes, 'ranks', [info('x', 1, ['N', 1, 3, 4])], outputs, [w, k, scales, flat])
model = helper.make_model(graph, opset_imports=opsets[:1], ir_version=8, producer_name='make_onnx.py')
save(model, 'ranks.onnx')
x = (rng.integers(-8, 9, (6, 1, 3, 4)) / 4).astype(np.float32)  # with ties
y = ReferenceEvaluator(model).run(None, {'x': x})
np.savez('ranks.npz', x0=x, **{f'y{at}': it.astype(np.float32) for at, it in enumerate(y)})

# A graph network: edges read the nodes at both ends, nodes the sum of their edges.
senders, receivers = [0, 1, 2, 3, 0, 2], [1, 0, 3, 2, 2, 1]
incidence = np.eye(4, dtype=np.float32)[receivers]
grid = lambda *shape: (rng.integers(-8, 9, shape) / 16).astype(np.float32)
weights = {'senders': np.int64(senders), 'receivers': np.int64(receivers), 'incidence': incidence,
           'edge_w': grid(6, 5), 'edge_b': grid(5), 'node_w': grid(8, 4), 'node_b': grid(4)}
nodes = [helper.make_node('Gather', ['x', 'senders'], ['from'], 'from', axis=1), helper.make_node('Gather', ['x', 'receivers'], ['to'], 'to', axis=1),
         helper.make_node('Concat', ['from', 'to'], ['ends'], 'ends', axis=2), helper.make_node('MatMul', ['ends', 'edge_w'], ['edge_m'], 'edge'),
         helper.make_node('Add', ['edge_m', 'edge_b'], ['edge_a'], 'edge_bias'), helper.make_node('Relu', ['edge_a'], ['edges'], 'edge_relu'),
         helper.make_node('Einsum', ['edges', 'incidence'], ['sums'], 'gather', equation='bef,en->bnf'),
         helper.make_node('Concat', ['x', 'sums'], ['both'], 'both', axis=2), helper.make_node('MatMul', ['both', 'node_w'], ['node_m'], 'node'),
         helper.make_node('Add', ['node_m', 'node_b'], ['y'], 'node_bias'), helper.make_node('ReduceMax', ['y', 'axis'], ['all'], 'all', keepdims=0)]
weights['axis'] = np.int64([1])
graph = helper.make_graph(nodes, 'graph', [info('x', 1, ['N', 4, 3])], [info('y', 1, ['N', 4, 4]), info('all', 1, ['N', 4])],
                          [numpy_helper.from_array(v, n) for n, v in weights.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8, producer_name='make_onnx.py')
save(model, 'graph.onnx')
x = (rng.integers(-32, 33, (6, 4, 3)) / 16).astype(np.float32)
np.savez('graph.npz', x0=x, **{f'y{at}': it for at, it in enumerate(ReferenceEvaluator(model).run(None, {'x': x}))})
