"""Writes hls4ml_1_3_0_types.json: configurations, and the types that hls4ml 1.3.0 makes of them.

Needs hls4ml 1.3.0, Keras 3 and jax; run it in this folder.
"""

import copy
import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import hls4ml  # noqa: E402
import keras  # noqa: E402
from keras import layers  # noqa: E402

model = keras.Sequential(
    [
        keras.Input((6,), name="inp"),
        layers.Dense(5, name="fc1"),
        layers.Activation("relu", name="act"),
        layers.BatchNormalization(name="bn"),
        layers.Dense(4, use_bias=False, name="fc2"),
        layers.Softmax(name="sm"),
    ]
)


def generated(granularity, **options):
    return hls4ml.utils.config_from_keras_model(
        model, granularity=granularity, backend="Vitis", **options
    )


def given(layer_name=None, layer_type=None, granularity="model", **options):
    config = generated(granularity, **options)
    for key, section in (("LayerName", layer_name), ("LayerType", layer_type)):
        if section is not None:
            config.setdefault(key, {}).update(section)
    return config


def types(**types):
    return {"Precision": types}


AUTO = {"accum": "auto", "result": "auto"}
MODEL_TYPES = dict(default="fixed<16,6>", weight="fixed<9,2>", accum="fixed<30,12>", result="fixed<17,7>")
TABLES = dict(
    exp_table="fixed<12,4>",
    inv_table="fixed<11,5>",
    table="fixed<10,5>",
    accum="fixed<20,10>",
    inv_inp="fixed<19,9>",
)

cases = {
    "model": generated("model"),
    "type": generated("type"),
    "name": generated("name"),
    "name_default": generated("name", default_precision="fixed<12,4>"),
    "name_max": generated("name", max_precision="fixed<20,8>"),
    "name_max_sat": generated("name", max_precision="ufixed<20,20,RND,SAT>"),
    "string_and_default": given(
        {"fc1": {"Precision": "fixed<10,3>"}, "fc2": types(weight="fixed<8,2>", default="fixed<14,5>")}
    ),
    "model_vars": given(),
    "type_and_name": given(
        {"fc1": types(weight="auto", **AUTO)},
        {"Dense": types(weight="fixed<7,2>", default="fixed<13,5>")},
    ),
    "softmax_precision_dict": given({"sm": types(**TABLES)}),
    "t_keys": given(
        {
            "sm": {f"{name}_t": text for name, text in TABLES.items()},
            "fc1": {"accum_t": "fixed<21,9>", "result_t": "fixed<20,9>", "weight_t": "fixed<9,3>"},
        }
    ),
    "softmax_string": given({"sm": {"Precision": "fixed<10,3>"}, "act": {"Precision": "fixed<9,3>"}}),
    "types": given(
        layer_type={
            "Softmax": {"Precision": "fixed<10,3>"},
            "Activation": types(result="fixed<9,3>"),
            "Input": types(result="fixed<8,2>"),
            "BatchNormalization": types(scale="fixed<15,4>"),
        }
    ),
    "spellings": given(
        {
            "fc1": types(
                weight="ap_fixed<8,2,AP_RND_CONV,AP_SAT>",
                bias="ac_fixed<9,3,true,AC_RND,AC_SAT_SYM>",
                **AUTO,
            ),
            "fc2": types(weight="int<5>", accum="auto"),
            "inp": types(result="ufixed<8,0>"),
        }
    ),
    "partial_auto": given({"fc2": types(bias="fixed<9,3>", **AUTO), "bn": types(result="auto")}),
    "accum_or_result": given(
        {
            "fc1": types(accum="fixed<20,8>", result="auto"),
            "fc2": types(accum="auto", result="fixed<9,4>"),
        }
    ),
    "unsigned": given(
        {
            "fc1": types(**AUTO),
            "bn": types(scale="ufixed<7,1>", bias="ufixed<9,3>", result="auto"),
            "inp": types(result="ufixed<8,3>"),
            "fc2": types(weight="ufixed<6,1>", **AUTO),
        }
    ),
    "max_small": given(
        {"fc1": types(**AUTO), "act": types(result="auto"), "fc2": types(accum="auto")},
        max_precision="fixed<8,4>",
    ),
    "type_name_mix": given(
        {"fc2": types(accum="fixed<24,11>")}, granularity="type", default_precision="fixed<12,5>"
    ),
    "signed_bias_only": given(
        {
            "fc1": types(weight="ufixed<9,2>", bias="fixed<9,3>", **AUTO),
            "inp": types(result="ufixed<8,3>"),
        }
    ),
}
cases["model_vars"]["Model"]["Precision"] = MODEL_TYPES


def resolved(name, config):
    hls = hls4ml.converters.convert_from_keras_model(
        model,
        hls_config=copy.deepcopy(config),
        output_dir=f"out/{name}",
        backend="Vitis",
        io_type="io_parallel",
    )
    layers = [
        {
            "name": layer.name,
            "class": layer.class_name,
            "types": {key: str(value.precision) for key, value in layer.types.items()},
        }
        for layer in hls.get_layers()
    ]
    return {"config": config, "layers": layers}


lines = []
for name, config in cases.items():
    case = json.dumps(resolved(name, config), separators=(",", ":"))
    lines.append(f"{json.dumps(name)}: {case}")
with open("hls4ml_1_3_0_types.json", "w") as file:
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
