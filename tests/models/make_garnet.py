"""Makes k2_garnet.h5, layers of caloGraphNN as hls4ml ships them, with their outputs.

    pip install tensorflow-cpu==2.15.1 qkeras==0.9.0 hls4ml==1.3.0 'setuptools<70'; python make_garnet.py
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.util import nest

nest.is_sequence = nest.is_nested  # its old name, which QKeras uses
from hls4ml.contrib.garnet import GarNet, GarNetStack
from tensorflow.keras import Input, Model

rng = np.random.default_rng(31)
x = Input((4, 3), name="x")
n = Input((1,), name="n")
same = dict(simplified=True, input_format="xn", output_activation=None)
outputs = [
    GarNet(2, 3, 2, collapse="mean", name="mean", **same)([x, n]),
    GarNet(2, 2, 3, collapse="max", mean_by_nvert=True, name="largest", **same)([x, n]),
    GarNet(3, 2, 1, collapse="sum", name="sum", **same)([x, n]),
    GarNet(1, 2, 2, name="each", **same | dict(output_activation="linear"))([x, n]),
    GarNetStack([2, 1], [3, 2], [2, 2], collapse="mean", quantize_transforms=None, name="stack", **same)([x, n]),
]
model = Model([x, n], outputs)
model.set_weights([rng.uniform(-1, 1, it.shape) for it in model.weights])
model.save("k2_garnet.h5")
data = [rng.normal(0, 1, (10, 4, 3)).astype("float32"), rng.integers(1, 5, (10, 1)).astype("float32")]
y = model.predict(data, verbose=0)
np.savez_compressed("k2_garnet.npz", x0=data[0], x1=data[1], **{f"y{at}": it for at, it in enumerate(y)})
print([round(float(it.std()), 3) for it in y], [it.name for it in model.weights][:7])
