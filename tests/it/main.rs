//! The integration tests, as one binary: whole models through the command line.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests; a skipped one says so")]

mod cli;
mod cosim;
mod engines;
mod errors;
mod golden;
mod hgq;
mod layers;
mod qkeras;
mod support;
mod tidy;
