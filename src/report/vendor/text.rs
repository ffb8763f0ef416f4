//! Rows of the tables that Vivado and Vitis HLS draw with `|` and `+`.

/// The cells of `| a | b |`, trimmed; `None` for any other line.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    Some(inner.split('|').map(str::trim).collect())
}

/// The value of a `| Name : value` line of a report's head.
pub(super) fn head<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.trim_start_matches(['|', '*', ' ']).split_once(':')?;
        (key.trim() == name).then_some(value.trim()).filter(|it| !it.is_empty())
    })
}

/// A number that may be absent: `NA`, `-`, `undef`, `?`, `x` and the like are none.
pub(super) fn number<T: std::str::FromStr>(cell: &str) -> Option<T> {
    cell.trim().trim_start_matches(['<', '~']).replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        assert_eq!(cells("| a|  b c | |"), Some(vec!["a", "b c", ""]));
        assert_eq!(cells("  |a"), Some(vec!["a"]));
        assert_eq!(cells("+---+"), None);
        assert_eq!(head("x\n| Device  : 7z020\n", "Device"), Some("7z020"));
        assert_eq!(head("| Device  :\n", "Device"), None);
        assert_eq!(number::<u64>("1,234"), Some(1234));
        assert_eq!(number::<f64>("<0.01"), Some(0.01));
        assert_eq!(number::<u64>("NA"), None);
    }
}
