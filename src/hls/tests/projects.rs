//! Whole networks and projects.
