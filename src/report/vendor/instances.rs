//! Tables of what instances take, each with all that is inside of it, made into what is each one's own.

use crate::device::Resources;

/// An instance as a table lists it: after the one that it is inside of, with all that it holds.
pub(super) struct Listed<'a> {
    /// How many instances it is inside of; the top has none.
    pub(super) depth: usize,
    /// Its name in the one around it.
    pub(super) name: &'a str,
    /// What it and everything inside take.
    pub(super) all: Resources,
}

/// What each instance takes by itself, by its path below the top (`i_core.i_dense`; empty for the top).
/// Tables shared by two instances are counted in both, so that what is left for the one around them may
/// be nothing, but never less.
pub(super) fn own<'a>(listed: impl IntoIterator<Item = Listed<'a>>) -> Vec<(String, Resources)> {
    let mut found: Vec<(String, Resources)> = Vec::new();
    // Where the instances around the next one are in `found`.
    let mut around: Vec<usize> = Vec::new();
    for it in listed {
        around.truncate(it.depth);
        let path = match around.last() {
            None => String::new(),
            Some(&outer) => {
                let (path, taken) = &mut found[outer];
                *taken = without(*taken, it.all);
                [path.as_str(), it.name].join(if path.is_empty() { "" } else { "." })
            }
        };
        around.push(found.len());
        found.push((path, it.all));
    }
    found
}

fn without(whole: Resources, part: Resources) -> Resources {
    Resources {
        lut: whole.lut.saturating_sub(part.lut),
        ff: whole.ff.saturating_sub(part.ff),
        dsp: whole.dsp.saturating_sub(part.dsp),
        bram_kbit: whole.bram_kbit.saturating_sub(part.bram_kbit),
        uram: whole.uram.saturating_sub(part.uram),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_taken_off_once() {
        let listed = [(0, "top", 10), (1, "a", 6), (2, "x", 4), (3, "y", 1), (1, "b", 5)];
        let listed =
            listed.map(|(depth, name, lut)| Listed { depth, name, all: Resources::luts(lut) });
        let found = own(listed);
        let found: Vec<(&str, u64)> = found.iter().map(|it| (it.0.as_str(), it.1.lut)).collect();
        assert_eq!(found, [("", 0), ("a", 2), ("a.x", 3), ("a.x.y", 1), ("b", 5)]);
        assert_eq!(own([Listed { depth: 3, name: "odd", all: Resources::luts(1) }]).len(), 1);
    }
}
