//! The keys of a configuration: their spellings, and which known one a misspelt one means.

/// A key as we compare it: hls4ml takes `ReuseFactor` and `reuse_factor` alike.
pub(super) fn snake_case(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    let mut out = String::with_capacity(key.len() + 4);
    for (at, ch) in chars.iter().enumerate() {
        // A run of capitals is one word, up to the one that begins the next (`IO` `Type`).
        let next_lower = chars.get(at + 1).is_some_and(|it| it.is_lowercase());
        let begins = match at.checked_sub(1).map(|it| chars[it]) {
            None | Some('_') => false,
            Some(previous) => !previous.is_uppercase() || next_lower,
        };
        if ch.is_uppercase() && begins {
            out.push('_');
        }
        out.extend(ch.to_lowercase());
    }
    out
}

/// hls4ml's spelling of a key in snake case, for messages.
pub(super) fn pascal_case(key: &str) -> String {
    match key {
        "io_type" => return "IOType".to_owned(),
        "hls_config" => return "HLSConfig".to_owned(),
        _ => {}
    }
    key.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or(String::new(), |first| {
                first.to_uppercase().chain(chars).collect::<String>()
            })
        })
        .collect()
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // A third of the letters may be wrong: beyond that the guess is noise.
    let limit = word.chars().count() / 3 + 1;
    candidates
        .into_iter()
        .map(|it| (distance(&word, &it.to_lowercase()), it))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}

/// Letters to insert, drop, change or swap with their neighbor to turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let change = rows[i][j] + usize::from(a != b);
            let mut best = change.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_keys() {
        for (given, expected) in [
            ("ReuseFactor", "reuse_factor"),
            ("reuse_factor", "reuse_factor"),
            ("IOType", "io_type"),
            ("exp_table_t", "exp_table_t"),
            ("ExpTable_t", "exp_table_t"),
            ("HLSConfig", "hls_config"),
            ("KerasH5", "keras_h5"),
            ("TBOutputStream", "tb_output_stream"),
            ("AllowDAFallback", "allow_da_fallback"),
            ("AllowV2Fallback", "allow_v2_fallback"),
            ("", ""),
        ] {
            assert_eq!(snake_case(given), expected);
        }
        assert_eq!(pascal_case("reuse_factor"), "ReuseFactor");
    }

    #[test]
    fn near_misses() {
        let keys = ["Precision", "ReuseFactor", "Strategy"];
        assert_eq!(nearest("Precisoin", keys), Some("Precision"));
        assert_eq!(nearest("reusefactor", keys), Some("ReuseFactor"));
        assert_eq!(nearest("Banana", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
