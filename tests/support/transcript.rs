//! The lines of a program's two streams as they come, and waiting for one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// The last resort: the watchdog has killed what hung long before.
const NEVER_AS_LATE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// When the test read it: never earlier than it was written.
    pub(crate) at: Instant,
    pub(crate) stream: Stream,
    pub(crate) text: String,
}

impl Line {
    /// The number that follows this word: `line.number("pid=")`.
    #[track_caller]
    pub(crate) fn number(&self, after: &str) -> i64 {
        let found = self.text.split_once(after).map(|(_, rest)| rest);
        let digits: String = found
            .unwrap_or_default()
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits
            .parse()
            .unwrap_or_else(|_| panic!("no number after {after:?}: {:?}", self.text))
    }
}

impl Line {
    /// The deadline in a line `flag LEVEL   REASON DEADLINE …`, in nanoseconds. It is exact where
    /// the moment at which a worker notices a signal is late on a busy machine.
    #[track_caller]
    pub(crate) fn deadline(&self) -> i64 {
        let field = self.text.split_whitespace().nth(3);
        field
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("no deadline: {:?}", self.text))
    }
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    /// The lines that were waited for, by index: each is found once.
    found: BTreeSet<usize>,
    open: usize,
}

/// Shared between the test and the two threads that read.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<(Mutex<State>, Condvar)>);

impl Transcript {
    /// Reads this stream in a thread of its own until its end.
    pub(crate) fn follow(&self, stream: Stream, pipe: impl Read + Send + 'static) {
        self.state().open += 1;
        let shared = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut bytes = Vec::new();
            while matches!(reader.read_until(b'\n', &mut bytes), Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&bytes);
                let line = Line {
                    at: Instant::now(),
                    stream,
                    text: text.trim_end_matches('\n').into(),
                };
                bytes.clear();
                shared.state().lines.push(line);
                shared.0.1.notify_all();
            }
            shared.state().open -= 1;
            shared.0.1.notify_all();
        });
    }

    /// The first line that contains this text and was not waited for before: two workers and two
    /// streams come in any order.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> Line {
        let mut state = self.state();
        loop {
            let wanted = (0..state.lines.len()).find(|index| {
                !state.found.contains(index) && state.lines[*index].text.contains(text)
            });
            if let Some(index) = wanted {
                state.found.insert(index);
                return state.lines[index].clone();
            }
            assert!(
                state.open > 0,
                "ended without a line that contains {text:?}:\n{self}",
                self = Lines(&state.lines)
            );
            state = self.more(state);
        }
    }

    /// Both streams have ended: no process is left that holds one.
    pub(crate) fn wait_for_end(&self) -> Vec<Line> {
        let mut state = self.state();
        while state.open > 0 {
            state = self.more(state);
        }
        state.lines.clone()
    }

    pub(crate) fn so_far(&self) -> Vec<Line> {
        self.state().lines.clone()
    }

    #[track_caller]
    fn more<'s>(&'s self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let (state, waited) = self
            .0
            .1
            .wait_timeout(state, NEVER_AS_LATE)
            .expect("no reader panicked");
        assert!(
            !waited.timed_out(),
            "nothing came:\n{}",
            Lines(&state.lines)
        );
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("no reader panicked")
    }
}

/// Prints what was read, for a failed test.
pub(crate) struct Lines<'l>(pub(crate) &'l [Line]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0 {
            let stream = match line.stream {
                Stream::Out => "out",
                Stream::Err => "err",
            };
            writeln!(to, "  {stream}| {}", line.text)?;
        }
        Ok(())
    }
}
