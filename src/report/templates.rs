//! The embedded templates of page and pictures. They loop and print; all text in them is escaped,
//! and all numbers are prepared by the callers.

use std::sync::LazyLock;

use serde::Serialize;
use tera::{Context, Tera};

static TEMPLATES: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.autoescape_on(vec![".html", ".svg"]);
    tera.set_escape_fn(escape);
    tera.add_raw_templates([
        ("head.html", include_str!("../../html-templates/head.html.tera")),
        ("several.html", include_str!("../../html-templates/several.html.tera")),
        ("several-head.html", include_str!("../../html-templates/several-head.html.tera")),
        ("several-row.html", include_str!("../../html-templates/several-row.html.tera")),
        ("scatter.svg", include_str!("../../html-templates/scatter.svg.tera")),
        ("report.html", include_str!("../../html-templates/report.html.tera")),
        ("report.css", include_str!("../../html-templates/report.css")),
        ("legend.html", include_str!("../../html-templates/legend.html")),
        ("network.svg", include_str!("../../html-templates/network.svg.tera")),
        ("chart.svg", include_str!("../../html-templates/chart.svg.tera")),
        ("svg.css", include_str!("../../html-templates/svg.css")),
    ])
    .expect("the embedded templates are parsed by every test of a page");
    tera
});

/// Fills a template.
pub(super) fn render(name: &str, data: &impl Serialize) -> String {
    let context = Context::from_serialize(data).expect("the views are structs with text keys");
    TEMPLATES.render(name, &context).expect("the views have the fields that the templates print")
}

/// Text for HTML and SVG: markup is escaped, and characters that XML forbids are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            it if it.is_control() || matches!(it, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            it => out.push(it),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_is_markup() {
        assert_eq!(
            escape("<a href=\"x\">'&'\u{1b}\n"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;\u{fffd} "
        );
    }
}
