//! What is printed on standard output: texts, tables, JSON, and pictures of a run.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use stopctl::linux::plain::plain;
use stopctl::words::moment::Moment;

use crate::exit::Leave;
use crate::say::letters::cut_mark;

pub(crate) mod json;
pub(crate) mod picture;
pub(crate) mod screen;

use picture::Picture;
use screen::Screen;

/// Draws a picture of this moment; answers when it has to be drawn again, if nothing happens before.
pub(crate) fn draw(picture: &Picture<'_>, screen: &mut Screen, now: Moment) -> Option<Moment> {
    let postponed = screen.draw(now, |window| picture.lines(now, window));
    let ticks = screen
        .has_picture()
        .then(|| picture.changes_at(now))
        .flatten();
    postponed.or(ticks)
}

/// Prints `text`. It is no error if the reader has gone away, but it is one if the disk is full.
pub(crate) fn out(text: &str) -> Leave {
    match print(text) {
        Printed::Taken | Printed::ReaderGone => Leave::OK,
        Printed::Failed(leave) => leave,
    }
}

/// What became of a text that was printed.
pub(crate) enum Printed {
    Taken,
    /// Nobody reads what is printed any more.
    ReaderGone,
    /// The program is to end like this.
    Failed(Leave),
}

/// Prints `text`, and lets the caller go on.
pub(crate) fn print(text: &str) -> Printed {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Printed::Taken,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Printed::ReaderGone,
        Err(error) => Printed::Failed(
            Leave::FAILED.saying(&format_args!("standard output: {}", plain(&error))),
        ),
    }
}

/// The answer to a question that sometimes nobody can answer.
pub(crate) const fn answer(is_so: Option<bool>) -> &'static str {
    match is_so {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}

/// A table: the columns as wide as they need to be, the last one open.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |(column, head): (usize, &&str)| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = heads.iter().enumerate().map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut padded = String::new();
        for (cell, width) in cells.zip(&widths) {
            // UNWRAP: writing to a String cannot fail.
            let _ = write!(padded, "{cell:width$}  ");
        }
        text.push_str(padded.trim_end());
        text.push('\n');
    };
    line(&mut heads.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

/// The first `most` characters of an escaped text.
pub(crate) fn excerpt(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        // An escape must not be cut in half.
        Some((end, _)) => text[..end].trim_end_matches('\\').to_owned() + cut_mark(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{excerpt, table};

    #[test]
    fn an_excerpt_is_cut_between_characters_and_not_in_an_escape() {
        assert_eq!(excerpt("short".to_owned(), 5), "short");
        assert_eq!(excerpt("longer".to_owned(), 5), "longe…");
        assert_eq!(excerpt("ünïcödé".to_owned(), 3), "ünï…");
        assert_eq!(excerpt("abcd\\\\x".to_owned(), 5), "abcd…");
    }

    #[test]
    fn a_table_has_straight_columns_and_no_spaces_at_the_end_of_a_line() {
        let rows = [
            vec!["a".to_owned(), "long cell".to_owned()],
            vec!["bcd".to_owned(), String::new()],
        ];
        assert_eq!(table(&["X", "Y"], &rows), "X    Y\na    long cell\nbcd\n");
    }
}
