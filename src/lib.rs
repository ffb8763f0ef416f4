//! nn2rtl: a trained neural network becomes FPGA firmware by two paths from one fixed-point model.
pub mod error;
pub mod fixed;
pub mod frontend;
pub mod graph;
pub mod hls;
pub mod layers;
pub mod nn;
pub mod precision;
pub mod source;
pub mod units;
