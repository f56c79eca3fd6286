//! One line of a picture: pieces of text, each in its style, that can be cut to a width.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::say::letters::cut_mark;

/// A line of a picture. It fits the terminal once it is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pieces: Vec<(Style, String)>,
}

impl Line {
    /// Appends `text`, which has no control characters.
    pub(crate) fn push(&mut self, style: Style, text: impl Into<String>) {
        self.pieces.push((style, text.into()));
    }

    /// Appends `text`, and spaces up to `width` columns.
    pub(crate) fn push_cell(&mut self, style: Style, text: &str, width: usize) {
        self.push(style, text);
        self.push(Style::new(), " ".repeat(width.saturating_sub(text.width())));
    }

    /// How many columns of a terminal it takes.
    pub(crate) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    /// Without the spaces at its end, and with what is beyond `columns` cut off.
    pub(crate) fn cut(self, columns: usize) -> Self {
        self.cut_with(columns, cut_mark())
    }

    fn cut_with(mut self, columns: usize, mark: &str) -> Self {
        while let Some((_, text)) = self.pieces.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        if self.width() <= columns {
            return self;
        }
        let mark = beginning(mark, columns);
        let mut left = columns - mark.width();
        let mut kept = Self::default();
        for (style, text) in self.pieces {
            let part = beginning(&text, left);
            left -= part.width();
            let is_whole = part.len() == text.len();
            kept.push(style, part);
            if !is_whole {
                break;
            }
        }
        kept.push(Style::new(), mark);
        kept
    }

    /// The text to write, with or without colours.
    pub(crate) fn text(&self, coloured: bool) -> String {
        let mut whole = String::new();
        for (style, text) in &self.pieces {
            if coloured && !text.is_empty() {
                // UNWRAP: writing to a String cannot fail.
                let _ = write!(whole, "{style}{text}{style:#}");
            } else {
                whole += text;
            }
        }
        whole
    }
}

/// The beginning of `text` that takes at most `columns`.
fn beginning(text: &str, columns: usize) -> &str {
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        // The width of the whole beginning: some characters are wider or narrower after others.
        if text[..next].width() > columns {
            break;
        }
        end = next;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{Line, Style};

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.push(Style::new().bold(), text);
        line
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        for (text, columns, shown) in [
            ("worker", 7, "worker"),
            ("worker", 6, "worker"),
            ("worker", 5, "work…"),
            ("worker", 1, "…"),
            ("worker", 0, ""),
            ("work  ", 4, "work"),
            ("訓練中", 6, "訓練中"),
            ("訓練中", 5, "訓練…"),
            ("訓練中", 4, "訓…"),
            ("訓練中", 2, "…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("", 5, ""),
        ] {
            let cut = line(text).cut(columns);
            assert_eq!(cut.text(false), shown, "{text:?} at {columns}");
            assert!(cut.width() <= columns, "{text:?} at {columns}");
        }
    }

    #[test]
    fn a_line_is_cut_for_a_reader_of_ascii_too() {
        for (columns, shown) in [(6, "worker"), (5, "wo..."), (3, "..."), (2, ".."), (0, "")] {
            let cut = line("worker").cut_with(columns, "...");
            assert_eq!(cut.text(false), shown, "at {columns}");
        }
    }

    #[test]
    fn a_cell_is_as_wide_as_its_column_whatever_its_letters_are() {
        for text in ["", "ab", "訓練"] {
            let mut line = Line::default();
            line.push_cell(Style::new(), text, 6);
            assert_eq!(line.width(), 6, "{text:?}");
        }
    }

    #[test]
    fn colours_end_with_their_piece_even_if_it_was_cut() {
        assert_eq!(line("worker").cut(4).text(true), "\u{1b}[1mwor\u{1b}[0m…");
        assert_eq!(line("worker").cut(4).text(false), "wor…");
    }
}
