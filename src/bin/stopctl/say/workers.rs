//! Workers in a sentence. A number alone is no name: "still there: 0" would read as "nobody is there".

use crate::say::letters::{cut_mark, escaped};
use stopctl::words::worker_number::WorkerNumber;

/// How many groups of numbers are written out: more of them tell a person nothing.
const GROUPS: usize = 20;

/// Workers by their numbers: `worker 0`, `workers 1-3`, `workers 0, 2-5, 9`.
pub(crate) fn named(workers: &[WorkerNumber]) -> String {
    let mut sorted = workers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let what = if sorted.len() == 1 {
        "worker"
    } else {
        "workers"
    };
    format!("{what} {}", numbers(&sorted))
}

/// `1 worker`, `3 workers`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// How many names are written out: more of them tell a person nothing.
pub(crate) const NAMES: usize = 10;

/// Names as a person lists them: `a, b, c`, or the first of them and how many more there are.
pub(crate) fn names(all: &[String]) -> String {
    let shown = &all[..all.len().min(NAMES)];
    match all.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Says that a run has no worker of the number that was typed.
pub(crate) fn missing(run: &str, typed: &str, count: u32) -> String {
    let all: Vec<WorkerNumber> = WorkerNumber::all_of(count).collect();
    format!(
        "{run} has no worker {}: it has only {}",
        escaped(typed),
        named(&all)
    )
}

/// Ascending numbers as a person writes them.
fn numbers(sorted: &[WorkerNumber]) -> String {
    let runs = sorted
        .chunk_by(|a, b| a.get() + 1 == b.get())
        .flat_map(|run| match run {
            [first, .., last] if run.len() > 2 => vec![format!("{first}-{last}")],
            few => few.iter().map(ToString::to_string).collect(),
        });
    let mut groups: Vec<String> = runs.collect();
    if groups.len() > GROUPS {
        groups.truncate(GROUPS);
        groups.push(cut_mark().to_owned());
    }
    groups.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{WorkerNumber, missing, named, names};

    #[test]
    fn workers_are_named_as_a_person_would() {
        for (numbers, words) in [
            (&[0][..], "worker 0"),
            (&[7, 7], "worker 7"),
            (&[1, 0], "workers 0, 1"),
            (&[2, 0, 1, 3, 7, 9, 8, 11, 12], "workers 0-3, 7-9, 11, 12"),
        ] {
            let workers: Vec<WorkerNumber> =
                numbers.iter().copied().map(WorkerNumber::new).collect();
            assert_eq!(named(&workers), words);
        }
        let even = WorkerNumber::all_of(2000).step_by(2);
        let even = named(&even.collect::<Vec<WorkerNumber>>());
        assert!(even.ends_with("36, 38, …"), "{even}");
    }

    #[test]
    fn a_line_has_an_end_however_many_names_are_to_be_in_it() {
        let all: Vec<String> = (0..5000).map(|n| format!("program{n} (pid {n})")).collect();
        assert_eq!(names(&all[..1]), "program0 (pid 0)");
        assert!(names(&all[..10]).ends_with(", program9 (pid 9)"));
        assert!(names(&all[..11]).ends_with(", program9 (pid 9) and 1 more"));
        assert!(names(&all).ends_with(" and 4990 more"));
        assert!(names(&all).len() < 300);
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn whoever_names_a_worker_that_is_not_there_is_told_which_are() {
        assert_eq!(
            missing("train", "7", 1),
            "train has no worker 7: it has only worker 0"
        );
        assert_eq!(
            missing("train", "x", 4),
            "train has no worker x: it has only workers 0-3"
        );
    }
}
