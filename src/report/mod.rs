//! Reports: what others' tools say about a design, read back into our terms, and what we show.
//!
//! [`compare`] holds the figures of both paths; [`listing`] prints them to a terminal, [`html`] to a
//! page, [`svg`] draws the network. [`several`] puts several designs side by side.

mod chart;
mod charts;
pub mod compare;
mod figure;
pub mod fit;
pub mod html;
mod layout;
pub mod listing;
mod number;
#[cfg(test)]
mod sample;
mod scatter;
pub mod several;
pub mod svg;
pub mod table;
mod templates;
pub mod vendor;
