//! Files that real exporters wrote.
//!
//! Those in `tests/models` are checked to the last digit, by running them; those of `../shared` must
//! load and keep their outline.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use expect_test::{Expect, expect};
use ndarray::Axis;

use super::*;
use crate::source::{Packed, RawNode, Tensor};

fn shared(path: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            skip(&format!("{}: {error}", path.display()));
            None
        }
    }
}

fn own(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn mlp_of_the_torchscript_exporter() {
    let model = load(&own("t_mlp_legacy.onnx"));
    expect![[r#"
        /fc1/Gemm: Gemm@13(x, fc1.weight, fc1.bias) -> /fc1/Gemm_output_0 {alpha=Float(1.0), beta=Float(1.0), transB=Int(1)}
        /bn/BatchNormalization: BatchNormalization@13(/fc1/Gemm_output_0, bn.weight, bn.bias, bn.running_mean, bn.running_var) -> /bn/BatchNormalization_output_0 {epsilon=Float(9.999999747378752e-6), momentum=Float(0.8999999761581421)}
        /Relu: Relu@13(/bn/BatchNormalization_output_0) -> /Relu_output_0 {}
        /fc2/MatMul: MatMul@13(/Relu_output_0, onnx::MatMul_19) -> /fc2/MatMul_output_0 {}
        /Tanh: Tanh@13(/fc2/MatMul_output_0) -> /Tanh_output_0 {}
        /out/Gemm: Gemm@13(/Tanh_output_0, out.weight, out.bias) -> /out/Gemm_output_0 {alpha=Float(1.0), beta=Float(1.0), transB=Int(1)}
        /Softmax: Softmax@13(/out/Gemm_output_0) -> y {axis=Int(-1)}
    "#]].assert_eq(&dump(&model));
    expect![[r#"
        bn.bias [32] 0 0.000000000
        bn.running_mean [32] 0.23009516298770905 1.904126972
        bn.running_var [32] 1.1166523694992065 33.184105933
        bn.weight [32] 1 32.000000000
        fc1.bias [32] -0.06936365365982056 -0.913574576
        fc1.weight [32, 16] -0.0018717050552368164 -0.729645789
        onnx::MatMul_19 [32, 16] 0.024286551401019096 0.951525238
        out.bias [5] -0.023136615753173828 -0.098030865
        out.weight [5, 16] 0.20530164241790771 -2.045619607
    "#]]
    .assert_eq(&constants(&model));
    check_outputs(&model);
}

#[test]
fn mlp_of_the_dynamo_exporter() {
    let model = load(&own("t_mlp_dynamo.onnx"));
    expect![[r#"
        node_Gemm_8: Gemm@20(x, fc1.weight, fc1.bias) -> getitem {alpha=Float(1.0), transA=Int(0), transB=Int(1)}
        node_relu: Relu@20(getitem) -> relu {}
        node_linear_1: Gemm@20(relu, fc2.weight) -> linear_1 {alpha=Float(1.0), beta=Float(1.0), transA=Int(0), transB=Int(1)}
        node_tanh: Tanh@20(linear_1) -> tanh {}
        node_linear_2: Gemm@20(tanh, out.weight, out.bias) -> linear_2 {alpha=Float(1.0), beta=Float(1.0), transA=Int(0), transB=Int(1)}
        node_softmax: Softmax@20(linear_2) -> softmax {axis=Int(-1)}
    "#]].assert_eq(&dump(&model));
    expect![[r#"
        fc1.bias [32] -0.2833845019340515 -2.764894668
        fc1.weight [32, 16] -0.0017712360713630915 -1.569914482
        fc2.weight [16, 32] 0.024286551401019096 0.951525238
        out.bias [5] -0.023136615753173828 -0.098030865
        out.weight [5, 16] 0.20530164241790771 -2.045619607
    "#]]
    .assert_eq(&constants(&model));
    check_outputs(&model);
}

/// Name, shape, first element and sum of every constant.
fn constants(model: &RawModel) -> String {
    let line = |(name, it): (&String, &Packed)| {
        let first = it.first().copied().unwrap_or_default();
        format!("{name} {:?} {first} {:.9}\n", it.shape(), it.sum())
    };
    model.constants.iter().map(line).collect()
}

/// Runs the model on the sample's input; the framework's output must come out.
fn check_outputs(model: &RawModel) {
    let mut arrays = npyz::npz::NpzArchive::new(Cursor::new(own("t_mlp.npz"))).unwrap();
    let mut read = |name: &str, columns: usize| {
        let values: Vec<f32> = arrays.by_name(name).unwrap().unwrap().into_vec().unwrap();
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        Tensor::from_shape_vec(vec![values.len() / columns, columns], values).unwrap()
    };
    let (input, expected) = (read("x0", 16), read("y0", 5));
    let mut values: BTreeMap<&str, Tensor> =
        BTreeMap::from([(model.inputs[0].name.as_str(), input)]);
    values.extend(model.constants.iter().map(|(name, it)| (name.as_str(), Tensor::clone(it))));
    for node in &model.nodes {
        let operands: Vec<&Tensor> =
            node.inputs.iter().flatten().map(|it| &values[it.as_str()]).collect();
        let value = run(node, &operands);
        values.insert(&node.outputs[0], value);
    }
    let error = (&values[model.outputs[0].as_str()] - &expected).mapv(f64::abs);
    assert!(error.iter().all(|it| *it < 1e-6), "{error}");
}

/// The operators of the MLPs, by the table in the module's documentation.
fn run(node: &RawNode, operands: &[&Tensor]) -> Tensor {
    let matrix = |at: usize| operands[at].view().into_dimensionality::<ndarray::Ix2>().unwrap();
    match node.op.as_str() {
        "Gemm" => {
            assert_eq!(node.attrs.float("alpha", 1.0).unwrap(), 1.0);
            assert_eq!(node.attrs.float("beta", 1.0).unwrap(), 1.0);
            assert!(!node.attrs.bool("transA", false).unwrap());
            assert!(node.attrs.bool("transB", false).unwrap());
            let product = matrix(0).dot(&matrix(1).t()).into_dyn();
            operands.get(2).map_or(product.clone(), |bias| product + *bias)
        }
        "MatMul" => matrix(0).dot(&matrix(1)).into_dyn(),
        "BatchNormalization" => {
            let epsilon = node.attrs.float("epsilon", 1e-5).unwrap();
            let deviation = (operands[4] + epsilon).mapv(f64::sqrt);
            (operands[0] - operands[3]) / deviation * operands[1] + operands[2]
        }
        "Relu" => operands[0].mapv(|v| v.max(0.0)),
        "Tanh" => operands[0].mapv(f64::tanh),
        "Softmax" => {
            assert_eq!(node.attrs.int("axis", -1).unwrap(), -1);
            let powers = operands[0].mapv(f64::exp);
            let sums = powers.sum_axis(Axis(1)).insert_axis(Axis(1));
            powers / sums
        }
        op => panic!("no such operator in the samples: {op}"),
    }
}

/// Inputs, outputs, numbers of constants and unused ones, and operators in order.
fn outline(model: &RawModel) -> String {
    let inputs: Vec<String> =
        model.inputs.iter().map(|it| format!("{}{:?}", it.name, it.shape)).collect();
    let mut ops: Vec<(&str, usize)> = Vec::new();
    for node in &model.nodes {
        match ops.last_mut() {
            Some((op, count)) if *op == node.op => *count += 1,
            _ => ops.push((&node.op, 1)),
        }
    }
    let times = |(op, count): &(&str, usize)| match count {
        1 => (*op).to_owned(),
        count => format!("{count} {op}"),
    };
    format!(
        "{} -> {}; {} constants, {} unused; {}\n",
        inputs.join(", "),
        model.outputs.join(", "),
        model.constants.len(),
        model.unused.len(),
        ops.iter().map(times).collect::<Vec<_>>().join(", "),
    )
}

#[test]
fn every_sample_loads() {
    let samples = ["t_mlp_legacy", "t_mlp_dynamo", "t_cnn_legacy", "t_cnn_dynamo", "k2onnx_cnn"];
    let samples = samples.iter().chain(&["b_mlp_qonnx", "b_mlp_qcdq", "b_cnn_qonnx"]);
    let paths: Vec<String> = samples.map(|it| format!("samples/{it}.onnx")).collect();
    check_outlines(
        &paths,
        &expect![[r#"
            x[16] -> y; 9 constants, 0 unused; Gemm, BatchNormalization, Relu, MatMul, Tanh, Gemm, Softmax
            x[16] -> softmax; 5 constants, 0 unused; Gemm, Relu, Gemm, Tanh, Gemm, Softmax
            x[3, 12, 12] -> y; 17 constants, 0 unused; Conv, Clip, Conv, LeakyRelu, Add, MaxPool, AveragePool, Concat, Slice, ConvTranspose, AveragePool, Flatten, Gemm, Mul, Add, Sigmoid, Clip
            x[3, 12, 12] -> clamp; 17 constants, 0 unused; Conv, Clip, Conv, LeakyRelu, Add, MaxPool, AveragePool, Concat, Slice, ConvTranspose, AveragePool, Reshape, Gemm, Mul, Add, Sigmoid, Clip
            img[12, 12, 3] -> dense; 6 constants, 0 unused; Transpose, Conv, Relu, BatchNormalization, MaxPool, Conv, Transpose, Reshape, MatMul, Softmax
            x.177[16] -> 38; 15 constants, 0 unused; qonnx.custom_op.general::Quant, Gemm, BatchNormalization, Relu, qonnx.custom_op.general::Quant, Gemm, qonnx.custom_op.general::Quant, MatMul
            x.1[16] -> 59; 18 constants, 0 unused; QuantizeLinear, Clip, DequantizeLinear, Gemm, BatchNormalization, Relu, QuantizeLinear, Clip, DequantizeLinear, Gemm, QuantizeLinear, Clip, DequantizeLinear, MatMul
            x.181[2, 10, 10] -> 40; 15 constants, 0 unused; qonnx.custom_op.general::Quant, Conv, BatchNormalization, Relu, qonnx.custom_op.general::Quant, MaxPool, Conv, Relu, qonnx.custom_op.general::Quant, Flatten, Gemm
        "#]],
    );
}

#[test]
fn every_public_model_loads() {
    let paths = [
        "models/p03_resnet8_cifar_h5_onnx/pretrainedResnet.onnx",
        "models/p11_mnist_onnx_cntk/model.onnx",
        "models/p12_resnet8_qdq_onnx/resnet.onnx",
        "models/p13_mnist_qonnx_tfc_w1a2/TFC_1W2A.onnx",
        "models/p14_espcn_qonnx_conv/quant_model.onnx",
    ];
    check_outlines(
        &paths.map(str::to_owned),
        &expect![[r#"
            input_1[3, 32, 32] -> Identity; 21 constants, 0 unused; Conv, Relu, Conv, Relu, Conv, Add, Relu, Conv, Relu, 2 Conv, Add, Relu, Conv, Relu, 2 Conv, Add, Relu, AveragePool, Transpose, Reshape, Gemm, Softmax
            Input3[1, 28, 28] -> Plus214_Output_0; 7 constants, 0 unused; Conv, Add, Relu, MaxPool, Conv, Add, Relu, MaxPool, Reshape, MatMul, Add
            input_1[32, 32, 3] -> dense; 81 constants, 0 unused; Transpose, QuantizeLinear, DequantizeLinear, Conv, QuantizeLinear, DequantizeLinear, Conv, QuantizeLinear, DequantizeLinear, Conv, QuantizeLinear, DequantizeLinear, Add, QuantizeLinear, DequantizeLinear, 2 Conv, 2 QuantizeLinear, 2 DequantizeLinear, Conv, QuantizeLinear, DequantizeLinear, Add, QuantizeLinear, DequantizeLinear, 2 Conv, 2 QuantizeLinear, 2 DequantizeLinear, Conv, QuantizeLinear, DequantizeLinear, Add, QuantizeLinear, DequantizeLinear, AveragePool, QuantizeLinear, DequantizeLinear, Reshape, Gemm, QuantizeLinear, DequantizeLinear, Softmax
            0[1, 28, 28] -> 82; 35 constants, 0 unused; Reshape, Mul, Sub, qonnx.custom_op.general::Quant, MatMul, BatchNormalization, qonnx.custom_op.general::Quant, MatMul, BatchNormalization, qonnx.custom_op.general::Quant, MatMul, BatchNormalization, qonnx.custom_op.general::Quant, MatMul, Sub, Div, Mul, Add
            x.7[3, 128, 128] -> 79; 31 constants, 0 unused; Conv, BatchNormalization, Relu, qonnx.custom_op.general::Quant, Conv, BatchNormalization, Relu, qonnx.custom_op.general::Quant, Conv, BatchNormalization, Relu, qonnx.custom_op.general::Quant, Conv, DepthToSpace, Relu, qonnx.custom_op.general::Quant
        "#]],
    );
}

fn check_outlines(paths: &[String], expected: &Expect) {
    let mut text = String::new();
    for path in paths {
        let Some(bytes) = shared(path) else { return };
        assert!(super::super::is_onnx(&bytes), "{path}");
        text += &outline(&load(&bytes));
    }
    expected.assert_eq(&text);
}

#[test]
fn preamble_and_root_of_p13_are_constants() {
    let Some(bytes) = shared("models/p13_mnist_qonnx_tfc_w1a2/TFC_1W2A.onnx") else { return };
    let model = load(&bytes);
    let reshape = model.nodes.iter().find(|it| it.op == "Reshape").unwrap();
    assert_eq!(reshape.inputs, [Some("0".to_owned()), Some("30".to_owned())]);
    assert_eq!(elements(&model, "30"), [1.0, -1.0]);
    let root = f64::from(336.301_8_f32.sqrt());
    assert_eq!(elements(&model, "79"), [root], "the variance's root, in singles");
}

#[test]
fn weights_of_p11_are_reshaped() {
    let Some(bytes) = shared("models/p11_mnist_onnx_cntk/model.onnx") else { return };
    let model = load(&bytes);
    assert_eq!(model.constants["Parameter193_reshape1"].shape(), [256, 10]);
    assert!(!model.constants.contains_key("Parameter193"));
    assert!(model.unused.is_empty());
}

#[test]
fn quantizers_of_real_files_say_what_they_round_to() {
    for (path, expected) in [
        ("samples/b_mlp_qcdq.onnx", vec![3, 2, 3]),
        ("models/p12_resnet8_qdq_onnx/resnet.onnx", vec![3; 15]),
    ] {
        let Some(bytes) = shared(path) else { return };
        let model = load(&bytes);
        let quantizers = model.nodes.iter().filter(|it| it.op == "QuantizeLinear");
        let types: Vec<i64> =
            quantizers.map(|it| it.attrs.int("output_dtype", 0).unwrap()).collect();
        assert_eq!(types, expected, "{path}");
    }
}
