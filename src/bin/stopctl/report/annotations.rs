//! What a CI service is told of a run, in the form that it shows beside the log: a warning for
//! each worker that needed force or failed when it was asked, and a table of all workers.
//!
//! Standard output belongs to the workers, so all of this goes to standard error: GitHub reads its commands
//! from there, too, and GitLab's log holds both.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::linux::stream::Stream;
use stopctl::outside::fate::Fate;
use stopctl::words::duration::in_words;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::run::Service;
use crate::say::fate;
use crate::say::summary;
use crate::say::workers::{counted, named};
use crate::show;

/// How many warnings of one step GitHub shows; it drops the others without a word.
const SHOWN: usize = 10;

/// How many rows a table has: GitHub takes no summary above 1 MiB, and nobody reads more.
const ROWS: usize = 1000;

/// How long to wait for the disk with the summary.
const PATIENCE: Duration = Duration::from_secs(2);

/// The heads of the table's columns.
const HEAD: [&str; 5] = [
    "worker",
    "outcome",
    "ended",
    "flag to end",
    "looked at its flag",
];

/// Speaks to a CI service.
pub(crate) struct Annotations {
    service: Service,
    /// The file that GitHub shows as the summary of the step.
    summary: Option<OsString>,
    /// The name of the stop signal.
    stop_signal: String,
}

impl Annotations {
    pub(crate) fn new(service: Service, stop_signal: i32) -> Self {
        Self {
            service,
            summary: std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()),
            stop_signal: signal_name(stop_signal),
        }
    }

    /// The lines for standard error, when the run is over.
    pub(crate) fn lines(&self, run: &str, time: Duration, finals: &[Final]) -> Vec<String> {
        let mut troubled: Vec<&Final> = finals.iter().filter(|last| is_trouble(last)).collect();
        troubled.sort_by_key(|last| last.worker);
        match self.service {
            Service::Github => self.commands(run, &troubled),
            Service::Gitlab => self.section(run, time, finals, &troubled),
        }
    }

    /// Adds the table to the summary of the step, if there is one.
    pub(crate) fn summarise(&self, run: &str, time: Duration, finals: &[Final]) -> io::Result<()> {
        let (Service::Github, Some(file)) = (self.service, &self.summary) else {
            return Ok(());
        };
        let mut text = format!("### {}\n\n", self.over(run, time, finals));
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        text.push_str(&row(&HEAD.map(str::to_owned)));
        text.push_str(&row(&HEAD.map(|_| "---".to_owned())));
        let rows = self.rows(finals);
        text.extend(rows.iter().take(ROWS).map(|cells| row(cells)));
        if rows.len() > ROWS {
            let more = counted(rows.len() - ROWS, "more worker");
            text.extend(["\nand ", &more, "\n"]);
        }
        let mut stream = Stream::append(Path::new(file))?;
        stream.keep(&format!("{text}\n"));
        let lost = stream.finish(stopctl::now() + PATIENCE);
        match (lost.lines, lost.why) {
            (0, _) => Ok(()),
            (_, why) => Err(why.unwrap_or_else(|| io::ErrorKind::TimedOut.into())),
        }
    }

    /// Workflow commands: one warning for each worker, and one for all those that GitHub would drop.
    fn commands(&self, run: &str, troubled: &[&Final]) -> Vec<String> {
        let (single, rest) = match troubled.len() {
            0..=SHOWN => (troubled, &[][..]),
            _ => troubled.split_at(SHOWN - 1),
        };
        let mut lines: Vec<String> = single
            .iter()
            .map(|last| command(run, &self.warning(last)))
            .collect();
        if !rest.is_empty() {
            let who: Vec<WorkerNumber> = rest.iter().map(|last| last.worker).collect();
            let what = if rest.iter().any(|last| last.failed_when_asked()) {
                "needed force or failed"
            } else {
                "needed force"
            };
            let text = format!("{} more {what}: {}", rest.len(), named(&who));
            lines.push(command(run, &text));
        }
        lines
    }

    /// The warnings in yellow, and a folded section of the job's log after them.
    fn section(
        &self,
        run: &str,
        time: Duration,
        all: &[Final],
        troubled: &[&Final],
    ) -> Vec<String> {
        let yellow = |last: &&Final| {
            let text = self.warning(last);
            format!("\x1b[33mstopctl: warning: {run}: {text}\x1b[0m\n")
        };
        let mut lines: Vec<String> = troubled.iter().take(ROWS).map(yellow).collect();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since_1970.unwrap_or_default().as_secs();
        lines.push(format!(
            "\x1b[0Ksection_start:{now}:stopctl_{run}[collapsed=true]\r\x1b[0Kstopctl: {}\n",
            self.over(run, time, all)
        ));
        let mut rows = self.rows(all);
        rows.truncate(ROWS);
        lines.push(show::table(&HEAD, &rows));
        lines.push(format!("\x1b[0Ksection_end:{now}:stopctl_{run}\r\x1b[0K\n"));
        lines
    }

    fn warning(&self, last: &Final) -> String {
        let (worker, mut outcome) = (last.worker, fate::of_one(last.outcome, &self.stop_signal));
        if last.failed_when_asked() {
            outcome = fate::in_words(&Fate::from(last), &self.stop_signal);
        }
        let after = last.flag_to_end.map_or_else(String::new, |time| {
            format!(", {} after it was asked", in_words(time))
        });
        let looked = if last.looked == Some(false) {
            "; it never looked at its flag"
        } else {
            ""
        };
        format!("worker {worker} {outcome}{after}{looked}")
    }

    fn over(&self, run: &str, time: Duration, finals: &[Final]) -> String {
        let fates: Vec<Fate> = finals.iter().map(Fate::from).collect();
        summary::over_after(run, time, &fates, &self.stop_signal)
    }

    /// The rows of the table, by the workers' numbers.
    fn rows(&self, finals: &[Final]) -> Vec<Vec<String>> {
        let mut sorted: Vec<&Final> = finals.iter().collect();
        sorted.sort_by_key(|last| last.worker);
        let row = |last: &Final| {
            vec![
                last.worker.to_string(),
                fate::of_one(last.outcome, &self.stop_signal),
                last.ended
                    .map_or_else(String::new, |ended| ended.to_string()),
                last.flag_to_end.map_or_else(String::new, in_words),
                show::answer(last.looked).to_owned(),
            ]
        };
        sorted.into_iter().map(row).collect()
    }
}

/// Whether somebody should find out why a worker did not leave when it was asked, or failed while it did.
fn is_trouble(last: &Final) -> bool {
    match last.outcome {
        Outcome::Term | Outcome::Kill | Outcome::ByOthers | Outcome::NotEnded => true,
        Outcome::ByItself | Outcome::Flag | Outcome::Unobserved => last.failed_when_asked(),
    }
}

/// A workflow command. No letter of it needs GitHub's escapes: the name of a run has none of `%`, `,`
/// and `:`, and the text is our own.
fn command(run: &str, text: &str) -> String {
    format!("::warning title=stopctl {run}::{text}\n")
}
