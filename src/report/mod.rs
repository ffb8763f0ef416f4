//! Reports: what others' tools say about a design, read back into our terms.

pub mod vendor;
