//! nn2rtl: a trained neural network becomes FPGA firmware by two paths from one fixed-point model.
pub mod cosim;
pub mod error;
pub mod fixed;
pub mod frontend;
pub mod graph;
pub mod precision;
pub mod source;
pub mod tools;
