//! Tests of the whole frontend.
