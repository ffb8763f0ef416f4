//! Einsum equations that are a dense layer: the last axis multiplied by a matrix.

use super::super::{Import, LayerError};

/// An equation like `bc,cd->bd` or `...c,cd->...d`, or with a transposed matrix, `bc,dc->bd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    /// The matrix is `[outputs, inputs]`.
    pub(super) transposed: bool,
    /// There is a bias for each output.
    pub(super) bias: bool,
}

/// Reads `equation` and `bias_axes`.
pub(super) fn matrix(cx: &Import<'_>) -> Result<Matrix, LayerError> {
    let equation = cx.attrs().str("equation", "")?;
    let bias = cx.attrs().str("bias_axes", "")?;
    let Some((transposed, output)) = parse(equation) else {
        return Err(cx.value_error("equation", equation, "the last axis by a matrix: bc,cd->bd"));
    };
    match bias {
        "" => Ok(Matrix { transposed, bias: false }),
        axis if axis == output => Ok(Matrix { transposed, bias: true }),
        axes => Err(cx.value_error("bias_axes", axes, "the last axis of the output, or none")),
    }
}

/// Whether the matrix is transposed, and the letter of its outputs.
fn parse(equation: &str) -> Option<(bool, &str)> {
    let (operands, result) = equation.split_once("->")?;
    let (data, kernel) = operands.split_once(',')?;
    let (data, kernel, result) = (data.trim(), kernel.trim(), result.trim());
    let (data_lead, input) = last(data)?;
    let (result_lead, output) = last(result)?;
    let distinct = |lead: &str| !lead.contains(input) && !lead.contains(output) && input != output;
    let once = |lead: &str| {
        let letters = lead.strip_prefix("...").unwrap_or(lead);
        let all_letters = letters.chars().all(|it| it.is_ascii_alphabetic());
        all_letters && letters.chars().all(|it| letters.matches(it).count() == 1)
    };
    if data_lead != result_lead || !distinct(data_lead) || !once(data_lead) {
        return None;
    }
    match kernel {
        it if it == format!("{input}{output}") => Some((false, output)),
        it if it == format!("{output}{input}") => Some((true, output)),
        _ => None,
    }
}

/// The last letter and what comes before it.
fn last(subscripts: &str) -> Option<(&str, &str)> {
    let (at, letter) = subscripts.char_indices().last()?;
    letter.is_ascii_alphabetic().then(|| subscripts.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_equations() {
        for equation in ["bc,cC->bC", "...c,cd->...d", "abc,cd->abd", "bc, cd -> bd"] {
            assert!(matches!(parse(equation), Some((false, _))), "{equation}");
        }
        assert_eq!(parse("bc,dc->bd"), Some((true, "d")));
        assert_eq!(parse("bc,cC->bC"), Some((false, "C")));
    }

    #[test]
    fn other_equations_are_refused() {
        for equation in [
            "bc,bcd->bd",
            "bnc,ncd->bnd",
            "bc,cd->db",
            "bc,cd",
            "bc->bd",
            "",
            "bc,cc->bc",
            "bcd,de->be",
            "cc,cd->cd",
            "b...,cd->b...",
            "bbc,cd->bbd",
            "é,éc->c",
        ] {
            assert_eq!(parse(equation), None, "{equation}");
        }
    }
}
