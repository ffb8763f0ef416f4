//! nn2rtl: a trained neural network becomes FPGA firmware by two paths from one fixed-point model.
pub mod device;
pub mod error;
pub mod estimate;
pub mod fixed;
pub mod frontend;
pub mod graph;
pub mod precision;
pub mod report;
pub mod source;
