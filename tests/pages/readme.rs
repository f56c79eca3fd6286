//! README.md is true: what it shows comes out as shown, and what it names is there.

mod commands;
mod demo;
mod named;
mod statuses;
mod terminal;
mod workers;

use crate::committed;

/// The block of README.md in this language behind the comment `marker`, as it is printed.
fn block(marker: &str, language: &str) -> String {
    let readme = committed::read("README.md");
    let begin = format!("<!-- {marker} -->\n```{language}\n");
    section(&readme, &begin, "```\n").to_owned()
}

/// The part of `text` between the first `begin` and the next `end`, or its own end.
fn section<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end).map_or(rest, |(section, _)| section)
}
