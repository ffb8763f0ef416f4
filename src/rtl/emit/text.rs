//! Small things all generated text has in common.

use crate::error::Origin;
use crate::rtl::netlist::Bits;

/// Longest line.
const COLUMNS: usize = 100;

/// Appends a statement, broken at spaces where it would be too long.
pub(super) fn statement(out: &mut String, indent: usize, text: &str) {
    let mut rest = text;
    let mut indent = indent;
    loop {
        out.extend(std::iter::repeat_n(' ', indent));
        let room = COLUMNS - indent;
        let cut = match rest.len() > room {
            true => rest[..room].rfind(' ').or_else(|| rest.find(' ')),
            false => None,
        };
        let Some(cut) = cut else { break };
        out.push_str(&rest[..cut]);
        out.push('\n');
        if std::ptr::eq(rest, text) {
            indent += 4;
        }
        rest = &rest[cut + 1..];
    }
    out.push_str(rest);
    out.push('\n');
}

/// `signed [15:0] `, ` [3:0] ` or nothing: what stands between `logic` and the name.
pub(super) fn range(bits: Bits) -> String {
    let sign = if bits.signed { " signed" } else { "" };
    match (bits.whole, bits.high) {
        (true, 1) => sign.to_owned(),
        (_, high) => format!("{sign} [{}:{}]", high - 1, bits.low),
    }
}

/// Words from the model inside a comment or an attribute: one line of ASCII without quotes.
pub(in crate::rtl) fn plain(text: &str) -> String {
    let safe = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_ascii() && !c.is_ascii_control() => c,
        _ => '?',
    };
    // A comment must not open or close another one, nor hide a tool's directive.
    text.chars().map(safe).collect::<String>().replace("/*", "/ *").replace("*/", "* /")
}

/// `(* src = "file:layer" *)`.
pub(super) fn source(origin: &Origin) -> String {
    format!("(* src = \"{}\" *)\n", plain(&origin.to_string()))
}

/// `1 value`, `2 values`.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_statements_are_broken() {
        let mut out = String::new();
        statement(&mut out, 2, &format!("assign y = {};", vec!["12'(x)"; 16].join(" + ")));
        assert!(out.lines().all(|line| line.len() <= COLUMNS), "{out}");
        assert_eq!(out.lines().count(), 2);
        assert_eq!(plain("a\"b\\\n*/é"), "a'b/?* /?");
    }
}
