//! Plain-text tables: aligned columns, no more than [`WIDTH`] wide if their numbers fit at all.
//!
//! Text too long for its column is continued on further lines, never cut; numbers are never broken,
//! and words as a type only if breaking other text is not enough.

use std::fmt;

use super::number::clean;

/// Columns of a terminal that a table may take.
pub const WIDTH: usize = 100;
/// Text columns are not made narrower.
const NARROWEST: usize = 8;
const GAP: usize = 2;

#[derive(Clone, Debug)]
struct Column {
    head: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
}

/// A table, which prints as text without trailing blanks.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Table {
        Table::default()
    }

    /// Adds a column of text. A heading may have several lines.
    pub fn text(self, head: &str) -> Table {
        self.column(head, Kind::Text)
    }

    /// Adds a column of text that is better not broken.
    pub fn whole(self, head: &str) -> Table {
        self.column(head, Kind::Whole)
    }

    /// Adds a column of numbers, which are aligned to the right.
    pub fn number(self, head: &str) -> Table {
        self.column(head, Kind::Number)
    }

    fn column(mut self, head: &str, kind: Kind) -> Table {
        self.columns.push(Column { head: head.lines().map(clean).collect(), kind });
        self
    }

    /// Adds a row; a missing cell is empty. Control characters are escaped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut row: Vec<String> = cells.into_iter().map(|it| clean(it.as_ref())).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it is no wider than a terminal although nothing is broken.
    pub fn fits(&self) -> bool {
        let widths = self.natural();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) <= WIDTH
    }

    fn natural(&self) -> Vec<usize> {
        (0..self.columns.len())
            .map(|idx| {
                let head = self.columns[idx].head.iter();
                head.chain(self.rows.iter().map(|row| &row[idx])).map(|it| width(it)).max()
            })
            .map(|it| it.unwrap_or(0))
            .collect()
    }

    /// Natural widths, then the widest text column gives until all fit.
    fn widths(&self) -> Vec<usize> {
        let mut widths = self.natural();
        let gaps = GAP * widths.len().saturating_sub(1);
        for kind in [Kind::Text, Kind::Whole] {
            let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(WIDTH);
            let of_kind = |it: &usize| self.columns[*it].kind == kind;
            let columns: Vec<usize> = (0..widths.len()).filter(of_kind).collect();
            shrink(&mut widths, &columns, excess);
        }
        widths
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, cells: &[&str], widths: &[usize]) -> fmt::Result {
        let mut line = String::new();
        for ((cell, column), &wide) in cells.iter().zip(&self.columns).zip(widths) {
            let pad = " ".repeat(wide.saturating_sub(width(cell)));
            match column.kind {
                Kind::Number => line.extend([pad.as_str(), cell]),
                Kind::Text | Kind::Whole => line.extend([*cell, &pad]),
            }
            line += &" ".repeat(GAP);
        }
        writeln!(f, "{}", line.trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let lines = self.columns.iter().map(|it| it.head.len()).max().unwrap_or(0);
        for idx in 0..lines {
            // Headings stand on the rule, so the shorter ones start lower.
            let cell = |it: &'_ Column| (idx + it.head.len()).checked_sub(lines);
            let cells: Vec<&str> =
                self.columns.iter().map(|it| cell(it).map_or("", |at| &it.head[at])).collect();
            self.line(f, &cells, &widths)?;
        }
        let rules: Vec<String> = widths.iter().map(|&it| "-".repeat(it)).collect();
        self.line(f, &rules.iter().map(String::as_str).collect::<Vec<_>>(), &widths)?;
        for row in &self.rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, &wide)| wrap(cell, wide)).collect();
            for idx in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let line: Vec<&str> =
                    cells.iter().map(|it| it.get(idx).map_or("", String::as_str)).collect();
                self.line(f, &line, &widths)?;
            }
        }
        Ok(())
    }
}

/// Narrows the widest of these columns until `excess` is gone, if they are wide enough at all.
fn shrink(widths: &mut [usize], columns: &[usize], mut excess: usize) {
    while excess > 0 {
        let Some(&widest) = columns.iter().max_by_key(|&&it| (widths[it], it)) else { return };
        if widths[widest] <= NARROWEST {
            return;
        }
        // Down to the next one at once: foreign names can be of any length.
        let others = columns.iter().filter(|&&it| it != widest).map(|&it| widths[it]);
        let next = others.max().unwrap_or(0).min(widths[widest] - 1).max(NARROWEST);
        let give = excess.min(widths[widest] - next);
        widths[widest] -= give;
        excess -= give;
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Lines of at most `wide` characters, broken at blanks, else behind the marks that join the parts
/// of names and types, else anywhere.
pub(super) fn wrap(text: &str, wide: usize) -> Vec<String> {
    if width(text) <= wide {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line: Vec<char> = Vec::new();
    for letter in text.chars() {
        line.push(letter);
        // A blank at the end of a line takes no room.
        if line.len() > wide.max(1) && letter != ' ' {
            let at = break_of(&line, wide.max(1));
            let rest = line.split_off(at);
            lines.push(trimmed(&line));
            line = rest.into_iter().skip_while(|it| *it == ' ').collect();
        }
    }
    lines.push(trimmed(&line));
    lines
}

/// Where a line that is one letter too long is best broken.
fn break_of(line: &[char], wide: usize) -> usize {
    let behind = |marks: &[char]| line[..wide].iter().rposition(|it| marks.contains(it));
    let blank = if line[wide] == ' ' { Some(wide) } else { behind(&[' ']) };
    let mark = || behind(&['/', '_', ',', '.', ':', '-']).filter(|&it| it * 3 >= wide);
    blank.or_else(mark).map_or(wide, |it| (it + 1).min(wide))
}

fn trimmed(line: &[char]) -> String {
    line.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new().text("layer").number("LUT\nHLS").text("source");
        table.row(["conv1", "12,345", "estimated"]);
        table.row(["a", "7"]);
        expect![[r#"
                      LUT
            layer     HLS  source
            -----  ------  ---------
            conv1  12,345  estimated
            a           7
        "#]]
        .assert_eq(&table.to_string());
        assert!(Table::new().text("x").is_empty());
    }

    #[test]
    fn long_text_is_continued_and_numbers_stay_whole() {
        let mut table = Table::new().text("layer").number("parameters").text("reason");
        let reason = "sum of 64 products, ".repeat(9);
        table.row([&"encoder_block_".repeat(40), "123,456,789", &reason]);
        let text = table.to_string();
        assert!(text.lines().all(|it| it.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("123,456,789"), "{text}");
        let letters = |text: &str| text.chars().filter(|it| it.is_alphabetic()).count();
        let headings = "layerparametersreason".len();
        assert_eq!(letters(&text), headings + 12 * 40 + letters(&reason), "{text}");
    }

    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a bcdef", 4), ["a", "bcde", "f"]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_name_cannot_break_the_table() {
        let mut table = Table::new().text("layer");
        table.row(["a\nb\u{1b}[2J"]);
        assert_eq!(table.to_string().lines().count(), 3);
        assert!(!table.to_string().contains('\u{1b}'));
    }
}
