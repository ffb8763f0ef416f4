//! Imports of QKeras' layers: numbers by the formulas, what is refused and why.
