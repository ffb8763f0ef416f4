//! The text between tags, for reports written as simple XML.
//!
//! Not an XML reader: no entities, no CDATA, no comments, because the reports have none. Sections of
//! the same name inside each other are matched up, so a section is always whole.

/// The text between the first `<tag>` or `<tag attributes>` and the `</tag>` that belongs to it.
pub(super) fn section<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    span(text, tag).map(|(_, inner, _)| inner)
}

/// Like [`section`], without the white space around it; `None` if nothing is left.
pub(super) fn value<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    section(text, tag).map(str::trim).filter(|it| !it.is_empty())
}

/// The text without the first section of that name.
pub(super) fn without(text: &str, tag: &str) -> String {
    match span(text, tag) {
        Some((before, _, after)) => format!("{before}{after}"),
        None => text.to_owned(),
    }
}

/// An attribute of the first `<tag ...>`.
pub(super) fn attribute<'a>(text: &'a str, tag: &str, name: &str) -> Option<&'a str> {
    let (_, start, inside) = opening(text, tag, 0)?;
    let mut rest = &text[start..inside];
    loop {
        let at = rest.find(name)?;
        let after = rest[at + name.len()..].trim_start();
        let whole = rest[..at].ends_with(char::is_whitespace);
        if let Some(quoted) = after.strip_prefix('=').map(str::trim_start).filter(|_| whole) {
            let quote = quoted.chars().next().filter(|it| matches!(it, '"' | '\''))?;
            return quoted[1..].split(quote).next();
        }
        rest = &rest[at + name.len()..];
    }
}

/// Before, inside and after the first section.
fn span<'a>(text: &'a str, tag: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (outside, _, inside) = opening(text, tag, 0)?;
    if text[outside..inside].ends_with("/>") {
        return Some((&text[..outside], "", &text[inside..]));
    }
    let close = format!("</{tag}>");
    let (mut at, mut depth) = (inside, 1);
    let mut end = at + text[at..].find(&close)?;
    loop {
        if let Some((_, _, inner)) = opening(&text[..end], tag, at) {
            depth += usize::from(!text[..inner].ends_with("/>"));
            at = inner;
            continue;
        }
        depth -= 1;
        at = end + close.len();
        if depth == 0 {
            return Some((&text[..outside], &text[inside..end], &text[at..]));
        }
        end = at + text[at..].find(&close)?;
    }
}

/// Where the first `<tag`, its attributes and its contents begin, at or after `from`.
fn opening(text: &str, tag: &str, from: usize) -> Option<(usize, usize, usize)> {
    let mut at = from;
    loop {
        let start = at + text[at..].find('<')?;
        let name_end = start + 1 + tag.len();
        let named = text[start + 1..].starts_with(tag);
        if named
            && text[name_end..].starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace())
        {
            let inside = name_end + text[name_end..].find('>')? + 1;
            return Some((start, name_end, inside));
        }
        at = start + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_whole() {
        let text = "<a><b x='1'>one<b>two</b>three</b><b>four</b></a>";
        assert_eq!(section(text, "b"), Some("one<b>two</b>three"));
        assert_eq!(without(text, "b"), "<a><b>four</b></a>");
        assert_eq!(section("<b/><b>x</b>", "b"), Some(""));
        assert_eq!(section("<b><b/>x</b>", "b"), Some("<b/>x"));
        assert_eq!(value("<v> 3 </v>", "v"), Some("3"));
        assert_eq!(value("<v> </v>", "v"), None);
    }

    #[test]
    fn names_are_whole() {
        assert_eq!(section("<Resources_x>1</Resources_x>", "Resources"), None);
        assert_eq!(section("<BRAM>1</BRAM><BRAM_18K>2</BRAM_18K>", "BRAM_18K"), Some("2"));
        assert_eq!(value("<é><LUT>7</LUT>", "LUT"), Some("7"));
    }

    #[test]
    fn cut_off_text_is_nothing() {
        for text in ["", "<", "<b", "<b>", "<b>x", "<b><b>x</b>", "</b>", "<b x='"] {
            assert_eq!(section(text, "b"), None, "{text}");
        }
    }

    #[test]
    fn attributes() {
        let text = r#"<?xml?><project xmlns="com" name="n_prj" ideName='x' top = "n">"#;
        assert_eq!(attribute(text, "project", "top"), Some("n"));
        assert_eq!(attribute(text, "project", "name"), Some("n_prj"));
        assert_eq!(attribute(text, "project", "absent"), None);
        assert_eq!(attribute(text, "solution", "name"), None);
    }
}
