//! Estimates: what a design takes and how fast it is, before any tool has run.
//!
//! Every estimate says what it rests on; see [`hls::BASIS`].

pub mod hls;
