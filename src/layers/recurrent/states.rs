//! What frameworks do alike with recurrent layers: several outputs, gates in other orders.

use ndarray::{Axis, Slice};

use super::{Cell, Recurrent};
use crate::layers::{Imported, Operand, Reshape, Take};
use crate::nn::Shape;
use crate::source::Tensor;

impl Recurrent {
    /// Adds the layer to `made`; returns its output and its last states, `h` and for an LSTM `c`.
    pub fn with_states(
        self,
        steps: usize,
        operands: &[Operand],
        made: &mut Imported,
    ) -> Vec<Operand> {
        let (units, sequences, lstm) = (self.units(), self.sequences, self.cell == Cell::Lstm);
        let layer = Recurrent { cells: lstm, ..self };
        let all = made.add(if lstm { "states" } else { "" }, layer, operands);
        let last = match sequences {
            false => all,
            true => {
                let row = made.add("last_row", Take::along("Slice", 0, vec![steps - 1]), &[all]);
                let shape = Shape(vec![if lstm { 2 * units } else { units }]);
                made.add("last", Reshape { shape }, &[row])
            }
        };
        if !lstm {
            return vec![all, last];
        }
        let columns = |axis: usize, first: usize| {
            Take::along("Slice", axis, (first..first + units).collect())
        };
        let output = made.add("", columns(usize::from(sequences), 0), &[all]);
        let hidden = if sequences { made.add("hidden", columns(0, 0), &[last]) } else { output };
        let cell = made.add("cell", columns(0, units), &[last]);
        vec![output, hidden, cell]
    }
}

impl Cell {
    /// Weights or biases with the gates of another framework one below the other (`[gates * units]`
    /// or `[gates * units, n]`) as ours: `[gates * units]` or `[n, gates * units]`. Gate `k` of ours
    /// is gate `order[k]` of theirs.
    pub fn from_rows(self, rows: &Tensor, order: &[usize]) -> Tensor {
        let units = rows.len_of(Axis(0)) / self.gates();
        let gate = |it: &usize| rows.slice_axis(Axis(0), Slice::from(it * units..(it + 1) * units));
        let gates: Vec<_> = order.iter().map(gate).collect();
        let all = ndarray::concatenate(Axis(0), &gates).expect("gates have one width");
        all.reversed_axes().as_standard_layout().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_change_places() {
        // PyTorch's GRU has reset, update, candidate; two units of one input each.
        let rows = Tensor::from_shape_vec(vec![6, 1], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let ours = Cell::Gru { reset_after: true }.from_rows(&rows, &[1, 0, 2]);
        assert_eq!(ours.shape(), [1, 6]);
        assert_eq!(ours.iter().copied().collect::<Vec<_>>(), [3.0, 4.0, 1.0, 2.0, 5.0, 6.0]);
    }
}
