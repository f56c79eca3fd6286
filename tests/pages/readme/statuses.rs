//! README.md and the pages name every exit status.

use super::section;
use crate::committed;

/// The section of a page that tells its exit statuses.
fn statuses(page: &str) -> String {
    let page = committed::read(page);
    section(&page, ".SH \"EXIT STATUS\"\n", ".SH ").to_owned()
}

#[test]
fn every_exit_status_of_run_is_in_the_readme_and_in_its_page() {
    let readme = committed::read("README.md");
    let table = section(&readme, "\n## Exit statuses of `run`\n", "\n## ");
    let page = statuses("man/stopctl-run.1");
    for status in ["120", "124", "125", "126", "127", "130", "137"] {
        assert!(
            table.contains(&format!("\n| {status} | ")),
            "README.md: {status}"
        );
        assert!(
            page.contains(&format!("\n.B {status}\n")),
            "stopctl-run(1): {status}"
        );
    }
    assert!(table.contains("\n| 128+n | ") && page.contains("\n128+\\fIn\\fR\n"));
    assert!(table.contains("\n| the worker's own | ") && page.contains("\nthe worker's own\n"));
    assert!(table.contains("`--stopped-status`") && page.contains("\\-\\-stopped\\-status"));
}

#[test]
fn every_exit_status_of_the_other_commands_is_in_the_first_page_and_in_their_own() {
    let all = statuses("man/stopctl.1").replace("\\-", "-");
    let rows: Vec<&str> = all.split(".TP\n").skip(1).collect();
    // Those that are the same for all commands follow the rows.
    for (command, special) in [
        ("stop", &["0", "1", "3", "4", "5", "6"][..]),
        ("status", &["0", "3"]),
        ("list", &["0"]),
        ("signal", &["0", "1", "3"]),
        ("wait", &["124", "125", "127"]),
        ("clean", &["0", "1"]),
        ("notify", &["0", "1", "3"]),
        ("unit", &["0", "2"]),
        ("keep-going", &["0", "1", "125"]),
        ("sleep", &["0", "1", "125"]),
    ] {
        let page = statuses(&format!("man/stopctl-{command}.1"));
        let row = rows.iter().find(|row| {
            let head = row.lines().next().unwrap_or_default();
            head.split(' ').skip(1).any(|word| word == command)
        });
        let row = row.unwrap_or_else(|| panic!("stopctl(1) has no row for {command}"));
        let words: Vec<&str> = row.split(|c: char| !c.is_ascii_digit()).collect();
        for status in special {
            assert!(words.contains(status), "stopctl(1): {status} of {command}");
            assert!(
                page.contains(&format!(".B {status}\n")),
                "stopctl-{command}(1): {status}"
            );
        }
        assert!(page.contains(".B 125\n"), "stopctl-{command}(1): 125");
    }
}
