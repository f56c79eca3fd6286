//! How the program speaks to people: on standard error, one line at a time.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;

use anstyle::{AnsiColor, Style};
use stopctl::linux::stream::Stream;
use stopctl::words::pid::Pid;

use crate::cli::{self, Color};
use crate::show::screen::Screen;

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warning,
    /// News for a person who waits.
    Notice,
    /// For a person who asked for more.
    Detail,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Quiet,
    Normal,
    Verbose,
    Trace,
}

impl Level {
    pub(crate) fn of(voice: &cli::Voice) -> Self {
        match voice.verbose {
            _ if voice.quiet => Self::Quiet,
            0 => Self::Normal,
            1 => Self::Verbose,
            2.. => Self::Trace,
        }
    }

    fn hears(self, weight: Weight) -> bool {
        match weight {
            Weight::Error => true,
            Weight::Warning | Weight::Notice => self >= Self::Normal,
            Weight::Detail => self >= Self::Verbose,
        }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dress {
    Plain,
    Coloured,
    /// For the journal: with a priority in front (sd-daemon(3)).
    Journal,
}

impl Dress {
    fn chosen(color: Color) -> Self {
        if is_journal() {
            Self::Journal
        } else if is_coloured(color, &io::stderr()) {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    fn line(self, weight: Weight, text: &str) -> String {
        match self {
            Self::Plain => format!("stopctl: {text}\n"),
            Self::Coloured => {
                let style = match weight {
                    Weight::Error => Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
                    Weight::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
                    Weight::Notice => Style::new().bold(),
                    Weight::Detail => Style::new().dimmed(),
                };
                format!("{style}stopctl:{style:#} {text}\n")
            }
            Self::Journal => {
                let priority = match weight {
                    Weight::Error => 3,
                    Weight::Warning => 4,
                    Weight::Notice => 5,
                    Weight::Detail => 7,
                };
                format!("<{priority}>stopctl: {text}\n")
            }
        }
    }
}

/// Whether what is written on `stream` has colours.
pub(crate) fn is_coloured(color: Color, stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced =
        |name| std::env::var_os(name).is_some_and(|value| value != "0" && !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if forced("FORCE_COLOR") || forced("CLICOLOR_FORCE") => true,
        Color::Auto if std::env::var_os("TERM").is_none_or(|term| term == "dumb") => false,
        Color::Auto => stream.is_terminal(),
    }
}

/// Whether our standard error is the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = std::fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|data| named == format!("{}:{}", data.dev(), data.ino()))
}

/// Speaks to people.
#[derive(Debug)]
pub(crate) struct Voice {
    screen: Option<Screen>,
    level: Level,
    dress: Dress,
}

impl Voice {
    pub(crate) fn new(args: &cli::Voice) -> Self {
        Self {
            // If there is no standard error, nobody hears us.
            screen: Stream::stderr().ok().map(Screen::of_lines),
            level: Level::of(args),
            dress: Dress::chosen(args.color),
        }
    }

    /// For the loop that enforces the ladder: this one never blocks.
    pub(crate) fn of_loop(args: &cli::Voice) -> Self {
        let screen = Stream::stderr_of_loop().ok().map(Screen::of_lines);
        Self {
            screen,
            ..Self::new(args)
        }
    }

    /// With a picture below the lines, if the terminal is ours alone: none of the processes
    /// `others` writes to it.
    pub(crate) fn with_picture(args: &cli::Voice, others: &[Pid]) -> Self {
        let mut voice = Self::new(args);
        // A voice that is quiet has no picture either.
        if voice.level.hears(Weight::Notice) {
            let coloured = voice.dress == Dress::Coloured;
            let picture = |stream| Screen::with_picture(stream, coloured, others);
            voice.screen = Stream::stderr().ok().map(picture);
        }
        voice
    }

    pub(crate) fn say(&mut self, weight: Weight, text: &str) {
        if weight == Weight::Error {
            return self.insist(weight, text);
        }
        if let (true, Some(screen)) = (self.level.hears(weight), &mut self.screen) {
            screen.line(&self.dress.line(weight, text));
        }
    }

    /// The screen that the picture is drawn on.
    pub(crate) fn screen(&mut self) -> Option<&mut Screen> {
        self.screen.as_mut()
    }

    /// Writes a line for a program, however quiet we are to be.
    pub(crate) fn pass(&mut self, line: &str) {
        if let Some(screen) = self.screen.as_mut().filter(|_| !line.is_empty()) {
            screen.line(line);
        }
    }

    /// Says a line that must arrive even if others are dropped.
    pub(crate) fn insist(&mut self, weight: Weight, text: &str) {
        if let (true, Some(screen)) = (self.level.hears(weight), &mut self.screen) {
            screen.keep(&self.dress.line(weight, text));
        }
    }

    /// The stream below, if there is one.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.screen.as_ref().map(Screen::stream)
    }

    /// The same, to change it.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.screen.as_mut().map(Screen::stream_mut)
    }
}

/// The trace of `-vv` that no voice has passed on yet.
static TRACED: Mutex<String> = Mutex::new(String::new());

/// Where the trace is written.
pub(crate) struct Trace;

impl Trace {
    /// What was traced since the last call.
    pub(crate) fn take() -> String {
        TRACED
            .lock()
            .map_or_else(|_| String::new(), |mut text| std::mem::take(&mut *text))
    }
}

impl io::Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut text) = TRACED.lock() {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says what went wrong, before the program ends.
pub(crate) fn error(what: &impl Display) {
    // If standard error is closed, we fail just as we do anyway.
    let _ = io::stderr().write_all(
        Dress::chosen(Color::Auto)
            .line(Weight::Error, &what.to_string())
            .as_bytes(),
    );
}
