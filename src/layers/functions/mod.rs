//! Functions on tensors in Keras models: `keras.ops` (`ops.add`), TensorFlow's (`math.add`).
//!
//! Each becomes layers. Arguments come from the call or, in Keras 3, from the operation's
//! configuration, by position or by name; tensors among them may be constants.

mod activation;
mod arguments;
mod arithmetic;
mod rescale;
mod shape;

pub(super) use activation::SPELLINGS as ACTIVATIONS;
pub(super) use arithmetic::SPELLINGS as ARITHMETIC;
pub(super) use rescale::SPELLINGS as RESCALING;
pub(super) use shape::SPELLINGS as SHAPES;
