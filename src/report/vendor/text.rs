//! Rows of tables drawn with `|` or `;`, lines of heads, numbers as people write them.

/// The cells of `| a | b |`, trimmed; `None` for any other line.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    cells_between(line, '|')
}

/// The same for another mark than `|`.
pub(super) fn cells_between(line: &str, mark: char) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix(mark)?;
    let inner = inner.strip_suffix(mark).unwrap_or(inner);
    Some(inner.split(mark).map(str::trim).collect())
}

/// The value of a `| Name : value` or `-- Name: value` line of a report's head.
pub(super) fn head<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.trim_start_matches(['|', '*', '-', ' ']).split_once(':')?;
        (key.trim() == name).then_some(value.trim()).filter(|it| !it.is_empty())
    })
}

/// A number that may be absent: `NA`, `-`, `undef`, `?`, `x` and the like are none.
pub(super) fn number<T: std::str::FromStr>(cell: &str) -> Option<T> {
    cell.trim().trim_start_matches(['<', '~']).replace(',', "").parse().ok()
}

/// The number at the beginning of a cell that goes on with a unit or a remark: `120.16 MHz`,
/// `1.5 (Junction temp exceeded!)`.
pub(super) fn leading<T: std::str::FromStr>(cell: &str) -> Option<T> {
    number(cell.split_whitespace().next()?.trim_end_matches('*'))
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
        assert_eq!(leading::<f64>("120.16 MHz"), Some(120.16));
        assert_eq!(leading::<f64>("1.5* (low)"), Some(1.5));
        assert_eq!(leading::<f64>(""), None);
        assert_eq!(cells_between("; a ; b|c ;", ';'), Some(vec!["a", "b|c"]));
    }
}
