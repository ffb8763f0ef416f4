//! The integration tests, as one binary: whole models through the command line.

mod cli;
mod cosim;
mod errors;
mod golden;
mod support;
mod tidy;
