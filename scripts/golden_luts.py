"""What hls4ml's symbolic backend computes for tests/models/expressions_lut.yml: tests/golden/luts.npz.

    pip install hls4ml==1.3.0 sympy pyyaml; python golden_luts.py TESTS

Only the first three expressions, and functions that hls4ml's own `hls_math.h` has.
"""

import pathlib
import sys
import tempfile

import hls4ml
import numpy as np
import yaml

tests = pathlib.Path(sys.argv[1])
model = yaml.safe_load((tests / "models/expressions_lut.yml").read_text())
precision = "ap_fixed<18,6>"
with tempfile.TemporaryDirectory() as folder:
    used = {name: it for name, it in model["lut_functions"].items() if any(name in text for text in model["expressions"][:3])}
    made = hls4ml.converters.convert_from_symbolic_expression(
        model["expressions"][:3], n_symbols=model["inputs"], lut_functions=used, precision=precision,
        output_dir=folder, part="xcvu9p-flga2577-2-e", compiler="vitis_hls", hls_include_path="", hls_libs_path="",
    )
    made.compile()
    x = np.random.default_rng(3).integers(-8 * 512, 8 * 512, (400, model["inputs"])) / 512
    y = made.predict(x.astype("float32"))
np.savez_compressed(tests / "golden/luts.npz", x0=x, hls0=y)
