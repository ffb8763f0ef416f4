//! Model files: bytes in, [`RawModel`] out. The only place that knows file formats.
//!
//! [`RawModel`]: crate::source::RawModel

pub mod keras;
