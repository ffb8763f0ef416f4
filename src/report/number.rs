//! Numbers and foreign text as people read them.

use super::figure::Figure;

/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "–";

/// A number with thousands separated, and as many decimals as its size deserves.
pub(super) fn readable(value: f64) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞".into() } else { UNKNOWN.into() };
    }
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text.as_str(),
    };
    thousands(if text == "-0" { "0" } else { text })
}

/// A decimal number with commas between thousands.
fn thousands(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = sign.to_owned();
    for (idx, digit) in whole.chars().enumerate() {
        if idx > 0 && (whole.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// A figure's number.
pub(super) fn figure(figure: Option<Figure>) -> String {
    figure.map_or(UNKNOWN.into(), |it| readable(it.value))
}

/// A ratio, two decimals below ten.
pub(super) fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => UNKNOWN.into(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) => thousands(&format!("{value:.1}")),
    }
}

/// How a number differs from another one, of which it is a multiple: in percent, as a factor from
/// twice and half on.
pub(super) fn change(ratio: f64) -> String {
    match ratio {
        1.0 => "=".into(),
        ratio if ratio > 0.5 && ratio < 2.0 => {
            let percent = format!("{:+.1} %", 100.0 * (ratio - 1.0));
            if percent.ends_with("0.0 %") && percent.len() == 6 { "≈".into() } else { percent }
        }
        ratio if ratio > 0.0 && ratio < 0.1 => format!("×{ratio:.3}"),
        ratio => format!("×{}", self::ratio(Some(ratio))),
    }
}

/// A share in percent.
pub(super) fn percent(value: f64) -> String {
    match value {
        0.0 => "0 %".into(),
        value if value < 0.01 => "<0.01 %".into(),
        value if value < 10.0 => format!("{value:.2} %"),
        value => format!("{value:.1} %"),
    }
}

/// Foreign text on one line: names come from model files, and a terminal obeys control characters
/// and a reader is misled by marks that reverse the writing.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        match it.is_control() || is_direction(it) {
            true => out.extend(it.escape_default()),
            false => out.push(it),
        }
    }
    out
}

fn is_direction(it: char) -> bool {
    matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of at most `most` characters; of longer text the middle is left out, for the ends of names
/// tell more.
pub(super) fn elide(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head: String = text.chars().take(kept / 2).collect();
    let tail: String = text.chars().skip(count - (kept - kept / 2)).collect();
    head + "…" + &tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (7.0, "7"),
            (12.5, "12.5"),
            (2.34567, "2.35"),
            (0.00012, "0.0001"),
            (231.44, "231.4"),
            (999.96, "1,000"),
            (1234.6, "1,235"),
            (-1_234_567.0, "-1,234,567"),
            (100_000.0, "100,000"),
            (f64::INFINITY, "∞"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(readable(value), text);
        }
        assert_eq!([ratio(None), ratio(Some(3.0)), ratio(Some(1234.56))], ["–", "3.00", "1,234.6"]);
        assert_eq!(
            [1.0, 1.123, 0.75, 1.0001, 0.9999, 2.0, 0.5, 0.0123, 0.0, 1234.0].map(change),
            ["=", "+12.3 %", "-25.0 %", "≈", "≈", "×2.00", "×0.50", "×0.012", "×0.00", "×1,234.0"]
        );
        assert_eq!([0.0, 0.001, 3.456, 34.56].map(percent), ["0 %", "<0.01 %", "3.46 %", "34.6 %"]);
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31m\nb\u{202e}c é"), "a\\u{1b}[31m\\nb\\u{202e}c é");
    }

    #[test]
    fn the_ends_of_long_names_stay() {
        assert_eq!(elide("encoder/block_1/dense_3", 12), "encod…ense_3");
        assert_eq!([elide("short", 5), elide("äöüäöü", 3), elide("abc", 0)], ["short", "ä…ü", "…"]);
    }
}
