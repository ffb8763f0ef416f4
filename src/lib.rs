//! nn2rtl: a trained neural network becomes FPGA firmware by two paths from one fixed-point model.
pub mod data;
pub mod emulate;
pub mod error;
pub mod fixed;
pub mod frontend;
pub mod graph;
pub mod layers;
pub mod lower;
pub mod nn;
pub mod passes;
pub mod precision;
pub mod project;
pub mod rtl;
pub mod source;
pub mod units;
