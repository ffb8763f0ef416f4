//! nn2rtl: a trained neural network becomes FPGA firmware by two paths from one fixed-point model.
//!
//! ```text
//!  .onnx .keras .h5 (.json + .h5) .pt2
//!    │ frontend::load      bytes → source::RawModel      the file format ends here
//!    │ layers::import      RawModel → nn::Graph          float layers, shapes; all problems at once
//!    │ passes::run         nn → nn                       drop what does nothing, fold normalizations
//!    │ precision::assign   nn + Config → Formats         the user's types, or inferred ones
//!    │ lower::lower        nn + Formats → fixed::Graph   integer units; no float from here on
//!    ▼
//!  design::Design { graph, plan } ─► emulate   integers out: the oracle, and `predict`
//!                                 ─► hls       C++ project for a vendor, DSLX for XLS
//!                                 ─► rtl       scalar program → pipeline → SystemVerilog
//!                                 ─► program   the scalar program as software: `predict` where it is faster
//!                                 ─► estimate  what the HLS path would take
//!  project (files in memory, one writer) ─► cosim (Verilator, g++) ─► report: HLS against RTL
//! ```
//!
//! Every arrow is one function, every box one type ([`compile`] is the picture in code). Nothing flows
//! back: what is found out later goes to side tables or the next graph.
//!
//! # Invariants
//! Most of them are tests in `tests/it/tidy.rs`.
//!
//! - Only [`frontend`] knows file formats; after [`layers::import`] nobody knows the framework.
//! - After import a model cannot cause a panic; what a user can get wrong is an error with its place.
//! - [`fixed`] and everything below has no floats, but at its edge (quantizing inputs, giving values).
//! - Units describe, backends write; [`hls`] and [`rtl`] know neither layers nor each other.
//! - Templates loop and print, they never compute.
//! - Only [`project`] writes projects, only `main` prints.
//! - Output depends on input and configuration alone: same input, same bytes.
//!
//! # Where this differs from the design text
//! - A wrapping accumulator is sized by the final sum, not by partial ones: modular addition makes
//!   the order irrelevant, and the format is a bit or two narrower.
//! - The core of the RTL has no ready: it runs freely, and a FIFO with credits behind it absorbs
//!   back-pressure. It falls through when empty, so it costs no cycle.
//! - In streams what moves, stores or folds is a module with parameters (`rtl-templates/`): matrices on few multipliers,
//!   reductions, normalizations, tables in block RAM, windows, orders, states of recurrences. As weights come to `nn_mac_array`
//!   from outside, so does what is computed for an element to `nn_eltwise` and `nn_normalize`: from a core that the pipeline of
//!   `io: parallel` writes, at the width that every element needs and with constants folded. There is one arithmetic to be
//!   shown equal to the emulator. A softmax or a layer normalization that is folded is two `nn_normalize`; where there is no
//!   time to share, it is a pipeline as any other.
//! - Unsigned mantissas end at 127 bits, because mantissas are `i128`.

pub mod app;
pub mod board;
pub mod cli;
pub mod compile;
pub mod config;
pub mod cosim;
pub mod data;
pub mod design;
pub mod device;
pub mod emulate;
pub mod error;
pub mod estimate;
pub mod firmware;
pub mod fixed;
pub mod frontend;
pub mod graph;
pub mod hls;
pub mod layers;
pub mod lower;
pub mod nn;
pub mod passes;
pub mod precision;
pub mod predictor;
pub mod program;
pub mod project;
pub mod report;
pub mod rtl;
pub mod source;
pub mod stream;
pub mod synth;
pub mod tools;
pub mod units;
