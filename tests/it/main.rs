//! The integration tests, as one binary: whole models through the command line.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests; a skipped one says so")]

mod advice;
mod alone;
mod board;
mod browser;
mod cli;
#[cfg(unix)]
mod compilers;
mod conformance;
mod cosim;
mod engines;
mod errors;
mod folded;
mod golden;
mod hgq;
mod kernels;
mod layers;
#[allow(dead_code, reason = "shared with the tests of the frontends")]
#[path = "../frontends/models.rs"]
mod models;
mod own;
mod prove;
mod qkeras;
mod runtime;
mod several;
mod shapes;
mod shared;
mod statics;
mod strategies;
mod stream;
mod support;
mod synth;
mod tidy;
#[cfg(unix)]
mod vendor;
mod whole;
mod xls;
