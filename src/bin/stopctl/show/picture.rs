//! The picture of a run: the workers that are still there, one line each while they are few, and in groups
//! when they are many or the terminal is low.
//!
//! Pure: the record, the time and the size of the window come in, lines come out. A picture must be readable
//! at a glance, so workers that have ended are not in it.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use stopctl::contract::record::{RunRecord, WorkerRecord, WorkerState};
use stopctl::linux::stream::Window;
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;
use unicode_width::UnicodeWidthStr as _;

use crate::say::letters::escaped;
use crate::say::record;
use crate::say::workers::{counted, named};
use crate::show::screen::Line;

/// The most workers that have a line each: nobody reads more of them while they change.
const FEW: usize = 16;

/// What stands before each line, and between two columns.
const GAP: &str = "  ";

/// What a picture is made of.
pub(crate) struct Picture<'a> {
    /// The first line, which says what is shown.
    pub(crate) head: String,
    pub(crate) run: &'a RunRecord,
    /// All workers of the run, by number.
    pub(crate) workers: &'a [WorkerRecord],
    /// The workers to show, as long as they have not ended.
    pub(crate) shown: &'a [WorkerNumber],
}

/// A cell of a row, in its style.
type Cell = (Style, String);

impl Picture<'_> {
    /// The lines that fit into the window, above the line with the cursor.
    pub(crate) fn lines(&self, now: Moment, window: Window) -> Vec<Line> {
        let room = usize::from(window.rows).saturating_sub(1);
        let there: Vec<(WorkerNumber, &WorkerRecord)> = self.there().collect();
        if there.is_empty() || room == 0 {
            return Vec::new();
        }
        let run = self.run;
        let rows = if there.len() <= FEW && there.len() < room {
            aligned(
                there
                    .iter()
                    .map(|&(number, one)| row(run, number, one, now)),
            )
        } else {
            grouped(run, &there, now)
        };
        let fits = rows.len() < room;
        let mut lines = vec![self.headline(&there, now, !fits)];
        lines.extend(rows.into_iter().filter(|_| fits));
        lines
    }

    /// When the picture changes even if nothing happens.
    pub(crate) fn changes_at(&self, now: Moment) -> Option<Moment> {
        record::next_second(self.there().map(|(_, worker)| worker), now)
    }

    fn there(&self) -> impl Iterator<Item = (WorkerNumber, &WorkerRecord)> {
        let shown = self.shown.iter();
        let workers = shown.map(|&number| (number, &self.workers[number.get() as usize]));
        workers.filter(|(_, worker)| worker.state != WorkerState::Ended)
    }

    /// The first line. If there is no room for others, it says when the next rung comes.
    fn headline(
        &self,
        there: &[(WorkerNumber, &WorkerRecord)],
        now: Moment,
        is_alone: bool,
    ) -> Line {
        let mut line = Line::default();
        line.push(Style::new(), GAP);
        line.push(Style::new().bold(), self.head.as_str());
        let next = record::next(self.run, there.iter().copied(), now);
        if let (true, Some(next)) = (is_alone, next) {
            line.push(Style::new(), format!("; {next}"));
        }
        line
    }
}

/// `3 of 4 workers still there`.
pub(crate) fn still_there(there: &[WorkerNumber], awaited: &[WorkerNumber]) -> String {
    format!(
        "{} of {} still there",
        there.len(),
        counted(awaited.len(), "worker")
    )
}

fn row(run: &RunRecord, number: WorkerNumber, worker: &WorkerRecord, now: Moment) -> Vec<Cell> {
    let plain = |text: String| (Style::new(), text);
    let pid = worker.pid.map(|pid| format!("pid {pid}"));
    let looked = match (worker.looked, is_unaware(worker)) {
        (Some(true), _) => "looked",
        (Some(false), true) => "never looked",
        (Some(false), false) => "",
        (None, _) => "looks unknown",
    };
    vec![
        plain(format!("worker {number}")),
        plain(pid.unwrap_or_default()),
        (style_of_looking(worker), looked.to_owned()),
        (style(worker.level), record::state(run, worker)),
        plain(record::ready(run, worker).unwrap_or_default().to_owned()),
        plain(record::next_of(run, worker, now).unwrap_or_default()),
        plain(record::acknowledged(worker).unwrap_or_default()),
        plain(worker.status_text.as_ref().map(escaped).unwrap_or_default()),
    ]
}

/// One row for all workers on the same rung, and one for those that never looked.
fn grouped(run: &RunRecord, there: &[(WorkerNumber, &WorkerRecord)], now: Moment) -> Vec<Line> {
    let mut groups: BTreeMap<(u8, String), Vec<(WorkerNumber, &WorkerRecord)>> = BTreeMap::new();
    for &(number, worker) in there {
        let group = (worker.level, record::state(run, worker));
        groups.entry(group).or_default().push((number, worker));
    }
    let plain = |text: String| (Style::new(), text);
    let who = |group: &[(WorkerNumber, &WorkerRecord)]| {
        named(
            &group
                .iter()
                .map(|&(number, _)| number)
                .collect::<Vec<WorkerNumber>>(),
        )
    };
    let mut rows = Vec::new();
    for ((level, state), group) in &groups {
        let next = record::next(run, group.iter().copied(), now);
        rows.push(vec![
            plain(group.len().to_string()),
            (style(*level), state.clone()),
            plain(next.unwrap_or_default()),
            plain(who(group)),
        ]);
    }
    let unseen = there.iter().filter(|(_, worker)| is_unaware(worker));
    let unseen: Vec<(WorkerNumber, &WorkerRecord)> = unseen.copied().collect();
    if !unseen.is_empty() {
        let never = plain("never looked".to_owned());
        let count = plain(unseen.len().to_string());
        rows.push(vec![
            count,
            never,
            plain(String::new()),
            plain(who(&unseen)),
        ]);
    }
    aligned(rows.into_iter())
}

/// Whether it could have looked at its flag, and has not.
fn is_unaware(worker: &WorkerRecord) -> bool {
    worker.looked == Some(false) && worker.state != WorkerState::Starting
}

/// A look is expected, so it is the absence of one that stands out.
fn style_of_looking(worker: &WorkerRecord) -> Style {
    if worker.looked == Some(true) {
        Style::new().dimmed()
    } else {
        Style::new()
    }
}

fn style(level: u8) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match level {
        0 | 1 => Style::new(),
        2 => color(AnsiColor::Yellow),
        _ => color(AnsiColor::Red),
    }
}

/// Rows with equally many cells, in straight columns; the last column is open.
fn aligned(rows: impl Iterator<Item = Vec<Cell>>) -> Vec<Line> {
    let rows: Vec<Vec<Cell>> = rows.collect();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].1.width()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let line = |row: &Vec<Cell>| {
        let mut line = Line::default();
        for ((style, text), &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            line.push(Style::new(), GAP);
            line.push_cell(*style, text, width);
        }
        line
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
