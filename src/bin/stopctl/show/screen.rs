//! Lines on a stream and, on a terminal, a picture below them that is redrawn in place.
//!
//! The picture is always the last thing on the terminal, with the cursor on the empty line below it: a new
//! line takes the place where the picture began, and the picture follows it. No setting of the terminal
//! is changed and its cursor is not hidden, so nothing has to be restored, however the program ends. The
//! control sequences that move the cursor and erase are written here alone (ECMA-48).

use std::fmt::Write as _;
use std::time::Duration;

use stopctl::linux::interrupts::{self, Interruption, Interrupts};
use stopctl::linux::stream::{Stream, Window};
use stopctl::words::moment::Moment;
use stopctl::words::pid::Pid;

pub(crate) use line::Line;

mod line;

/// The shortest time between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

/// Erases from the cursor to the end of its line (EL).
const ERASE_LINE: &str = "\x1b[K";
/// Erases from the cursor to the end of the screen (ED).
const ERASE_BELOW: &str = "\x1b[J";

/// Whether a picture is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lines,
    Picture,
}

/// A stream for lines and, perhaps, a picture.
#[derive(Debug)]
pub(crate) struct Screen {
    stream: Stream,
    kind: Kind,
    coloured: bool,
    /// What stands above the cursor.
    drawn: Vec<Line>,
    /// Lines that go above it when it is redrawn.
    waiting: String,
    last: Option<(Moment, Window)>,
}

impl Screen {
    /// For lines only.
    pub(crate) fn of_lines(stream: Stream) -> Self {
        Self {
            stream,
            kind: Kind::Lines,
            coloured: false,
            drawn: Vec::new(),
            waiting: String::new(),
            last: None,
        }
    }

    /// With a picture, if the stream is a terminal that can show one and nobody else writes to it: none of
    /// the processes `others`, and no CI runner that keeps everything.
    pub(crate) fn with_picture(stream: Stream, coloured: bool, others: &[Pid]) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_able = set("TERM").is_some_and(|term| term != "dumb");
        let is_kept = set("CI").is_some_and(|ci| ci != "false");
        let is_shared = others.iter().any(|&pid| stream.is_terminal_of(pid));
        let kind = if is_able && !is_kept && !is_shared {
            Kind::Picture
        } else {
            Kind::Lines
        };
        Self {
            kind,
            coloured,
            ..Self::of_lines(stream)
        }
    }

    /// Whether there is a picture to look at.
    pub(crate) fn has_picture(&self) -> bool {
        self.window().is_some()
    }

    fn window(&self) -> Option<Window> {
        match self.kind {
            Kind::Lines => None,
            Kind::Picture => self.stream.window(),
        }
    }

    /// Writes lines that each end with a newline; above a picture, when that is redrawn.
    pub(crate) fn line(&mut self, line: &str) {
        if self.drawn.is_empty() {
            self.stream.line(line);
        } else {
            self.waiting += line;
        }
    }

    /// The same for lines that must arrive even if others are dropped.
    pub(crate) fn keep(&mut self, line: &str) {
        if self.drawn.is_empty() {
            self.stream.keep(line);
        } else {
            self.waiting += line;
        }
    }

    /// Draws what `picture` makes of the window. If it is too early, answers when it can be drawn.
    pub(crate) fn draw(
        &mut self,
        now: Moment,
        picture: impl FnOnce(Window) -> Vec<Line>,
    ) -> Option<Moment> {
        let Some(window) = self.window() else {
            self.forget();
            return None;
        };
        // The last column stays empty: a terminal may wrap there.
        let columns = usize::from(window.columns) - 1;
        let lines = picture(window).into_iter().map(|line| line.cut(columns));
        let lines: Vec<Line> = lines.collect();
        let is_same = lines == self.drawn && self.waiting.is_empty();
        if is_same && self.last.is_none_or(|(_, before)| before == window) {
            return None;
        }
        if let Some((last, _)) = self.last.filter(|&(last, _)| now < last + PAUSE) {
            return Some(last + PAUSE);
        }
        let mut text = back(&self.drawn, window);
        if !self.waiting.is_empty() {
            text += ERASE_BELOW;
            text += &self.waiting;
        }
        for line in &lines {
            // UNWRAP: writing to a String cannot fail.
            let _ = writeln!(text, "{}{ERASE_LINE}", line.text(self.coloured));
        }
        text += ERASE_BELOW;
        // After Ctrl-S the terminal takes nothing, and still shows what was drawn.
        if self.stream.write(&text) {
            self.drawn = lines;
            self.waiting.clear();
            self.last = Some((now, window));
        }
        None
    }

    /// Erases the picture, before somebody else writes. When a key sends a signal, the terminal throws away
    /// what it has not shown yet (NOFLSH in termios(3)), so a line above may be erased with it.
    pub(crate) fn wipe(&mut self) {
        if let (Some(window), false) = (self.window(), self.drawn.is_empty()) {
            let lines = std::mem::take(&mut self.waiting);
            self.stream
                .line(&(back(&self.drawn, window) + ERASE_BELOW + &lines));
            self.drawn.clear();
        }
        self.forget();
    }

    /// Somebody else has written to the terminal: what was drawn stays where it is.
    pub(crate) fn forget(&mut self) {
        self.drawn.clear();
        if !self.waiting.is_empty() {
            self.stream.line(&std::mem::take(&mut self.waiting));
        }
    }

    /// The stream below.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The same, to change it.
    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

/// Handles the signals that came while we slept, and answers the one that is to end us, if there is one.
/// Before we are suspended the picture is erased; when we are continued it is drawn where the cursor is
/// then.
pub(crate) fn heed(interrupts: &Interrupts, mut screen: Option<&mut Screen>) -> Option<i32> {
    loop {
        let interruption = interrupts.take()?;
        let screen = screen.as_deref_mut();
        match interruption {
            Interruption::End(_) | Interruption::Suspend => screen.map_or((), Screen::wipe),
            Interruption::Continued => screen.map_or((), Screen::forget),
        }
        match interruption {
            Interruption::End(signal) => return Some(signal),
            Interruption::Suspend => interrupts::suspend(),
            Interruption::Continued => {}
        }
    }
}

/// The way from below what was drawn back to its beginning.
fn back(drawn: &[Line], window: Window) -> String {
    // A terminal that has become narrower has wrapped the lines that are too long for it.
    let columns = usize::from(window.columns);
    let rows = |line: &Line| line.width().div_ceil(columns).max(1);
    match drawn.iter().map(rows).sum::<usize>() {
        0 => "\r".to_owned(),
        rows => format!("\r\x1b[{rows}A"),
    }
}

#[cfg(test)]
mod tests {
    use anstyle::Style;

    use super::{Line, Window, back};

    #[test]
    fn the_way_back_counts_the_rows_of_lines_that_were_broken() {
        let line = |width: usize| {
            let mut line = Line::default();
            line.push(Style::new(), "x".repeat(width));
            line
        };
        let drawn = [line(30), line(0), line(10)];
        for (columns, way) in [
            (80, "\r\x1b[3A"),
            (30, "\r\x1b[3A"),
            (29, "\r\x1b[4A"),
            (10, "\r\x1b[5A"),
            (1, "\r\x1b[41A"),
        ] {
            assert_eq!(back(&drawn, Window { rows: 24, columns }), way);
        }
        let window = Window {
            rows: 24,
            columns: 80,
        };
        assert_eq!(back(&[], window), "\r");
    }
}
