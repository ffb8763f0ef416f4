//! The head that all of Vivado's text reports begin with.

use super::text::head;
use super::{Reported, Step, Tool};

/// A report with what its head says. The state of the design is `Routed` in some reports and
/// `routed` in others of the same version; without one, nothing more than synthesis is claimed.
pub(super) fn begin(text: &str) -> Reported {
    let state = head(text, "Design State").unwrap_or_default().to_ascii_lowercase();
    let step = match state.as_str() {
        "routed" | "fully routed" | "physopt postroute" => Step::Routed,
        // A design that is only partly routed has all its cells.
        it if it.contains("placed") || it.contains("routed") => Step::Placed,
        _ => Step::Synthesized,
    };
    Reported {
        version: head(text, "Tool Version").map(str::to_owned),
        part: head(text, "Device").map(str::to_owned),
        top: head(text, "Design").map(str::to_owned),
        ..Reported::new(Tool::Vivado, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        for (state, step) in [
            ("Synthesized", Step::Synthesized),
            ("Optimized", Step::Synthesized),
            ("Placed", Step::Placed),
            ("Fully Placed", Step::Placed),
            ("Partially Routed", Step::Placed),
            ("Routed", Step::Routed),
            ("routed", Step::Routed),
            ("Physopt postRoute", Step::Routed),
        ] {
            assert_eq!(begin(&format!("| Design State : {state}\n")).step, step, "{state}");
        }
        assert_eq!(begin("").step, Step::Synthesized);
    }
}
