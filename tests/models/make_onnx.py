"""Makes trunc_qonnx.onnx: QONNX truncations, which no unit computes; and scalar_matmul.onnx: a product with a scalar, which
ONNX does not have. Needs: pip install onnx"""
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
