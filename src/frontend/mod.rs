//! Model files: bytes in, [`RawModel`] out. The only place that knows file formats.
pub mod onnx;
