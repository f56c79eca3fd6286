//! The processes of a supervisor, and what the kernel says of them.

use std::fs;

/// The supervisor and its children that are not workers: a guard, or a supervisor for each worker.
pub(crate) fn supervisors(pid: i32, workers: &[i32]) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    let others = children.filter(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        !workers.contains(pid) && name.trim() != "floor"
    });
    std::iter::once(pid).chain(others).collect()
}

/// The sum of the numbers behind `names` in a file of each process, as `proc(5)` writes them.
pub(crate) fn sum(processes: &[i32], file: &str, names: &[&str]) -> u64 {
    let of = |pid: &i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(name, _)| names.contains(name));
        let number = |rest: &str| rest.split_whitespace().next()?.parse::<u64>().ok();
        found.filter_map(|(_, rest)| number(rest)).sum::<u64>()
    };
    processes.iter().map(of).sum()
}
