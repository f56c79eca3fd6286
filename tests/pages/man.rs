//! The man pages: what is generated in them is what the command line is, and all of them are clean.

use std::collections::BTreeSet;
use std::process::Command as Process;

use clap::{Command, CommandFactory};

use crate::cli;
use crate::committed;
use crate::generated;
use crate::support::need::missing;

mod roff;

/// The whole declaration, with the options that clap adds by itself.
fn declaration() -> Command {
    let mut command = cli::Cli::command();
    command.build();
    command
}

/// `page` with `fresh` between the two marker comments called `block`.
fn splice(page: &str, block: &str, fresh: &str) -> String {
    let (begin, end) = (
        format!(".\\\" {block}: generated\n"),
        format!(".\\\" {block}: end\n"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no line {begin}"));
    let (_, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("no line {end}"));
    format!("{before}{begin}{fresh}{end}{after}")
}

fn pages() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(committed::path("man"))
        .expect("man/")
        .map(|entry| {
            entry
                .expect("man/")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".1") || name.ends_with(".7"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_page_of_each_command_has_its_synopsis_and_options() {
    for command in declaration().get_subcommands_mut() {
        let command_name = format!("stopctl {}", command.get_name());
        let name = format!("man/stopctl-{}.1", command.get_name());
        let page = committed::read(&name);
        let page = splice(&page, "synopsis", &roff::synopsis(command, &command_name));
        let page = splice(&page, "options", &roff::options(command));
        generated::compare(&name, &page, "man");
    }
}

#[test]
fn the_first_page_has_every_command() {
    let mut root = declaration();
    let page = committed::read("man/stopctl.1");
    let page = splice(&page, "synopsis", &roff::synopsis(&mut root, "stopctl"));
    let page = splice(&page, "commands", &roff::commands(&root));
    let page = splice(&page, "options", &roff::options(&root));
    generated::compare("man/stopctl.1", &page, "man");
}

#[test]
fn each_command_has_a_page_and_each_page_a_command() {
    let root = declaration();
    let mut wanted: BTreeSet<String> = root
        .get_subcommands()
        .map(|command| format!("stopctl-{}.1", command.get_name()))
        .collect();
    let others = ["engines", "events", "flag", "programs"];
    wanted.insert("stopctl.1".to_owned());
    wanted.extend(others.map(|name| format!("stopctl-{name}.7")));
    assert_eq!(wanted, pages().into_iter().collect());
}

#[test]
fn the_first_page_leads_to_every_other_page() {
    let first = committed::read("man/stopctl.1").replace("\\-", "-");
    for name in pages().iter().filter(|name| *name != "stopctl.1") {
        let (page, section) = name.rsplit_once('.').expect("a section");
        let reference = format!("{page} ({section})");
        assert!(first.contains(&reference), "stopctl(1) names no {name}");
    }
}

#[test]
fn every_option_of_every_command_is_in_its_page() {
    for command in declaration().get_subcommands() {
        let page = committed::read(&format!("man/stopctl-{}.1", command.get_name()));
        for long in command.get_arguments().filter_map(clap::Arg::get_long) {
            let option = format!("\\fB\\-\\-{}\\fR", roff::escape(long));
            assert!(
                page.contains(&option),
                "--{long} is not in the page of {}",
                command.get_name()
            );
        }
    }
}

#[test]
fn every_page_has_the_sections_that_make_it_a_contract() {
    for name in pages() {
        let page = committed::read(&format!("man/{name}"));
        let sections: Vec<&str> = page
            .lines()
            .filter_map(|l| l.strip_prefix(".SH "))
            .collect();
        let wanted: &[&str] = match name.as_str() {
            "stopctl-flag.7" => &["NAME", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXAMPLES"],
            "stopctl-programs.7" => &["NAME", "DESCRIPTION", "SERVERS", "EXAMPLES", "SEE ALSO"],
            "stopctl-engines.7" => &["NAME", "DESCRIPTION", "FILES", "SEE ALSO"],
            "stopctl-events.7" => &["NAME", "DESCRIPTION", "EVENTS", "OUTCOMES", "SEE ALSO"],
            "stopctl-run.1" => &[
                "DESCRIPTION",
                "EXAMPLES",
                "OPTIONS",
                "EXIT STATUS",
                "THE LADDER",
                "SIGNALS",
                "ENVIRONMENT",
                "FILES",
                "LIMITS",
            ],
            _ => &[
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "OPTIONS",
                "EXIT STATUS",
                "SEE ALSO",
            ],
        };
        for section in wanted {
            let found = sections.iter().any(|s| s.trim_matches('"') == *section);
            assert!(found, "{name} has no section {section}: {sections:?}");
        }
    }
}

#[test]
fn the_page_of_engines_shows_every_recipe_as_it_is() {
    let page = committed::read("man/stopctl-engines.7");
    for recipe in std::fs::read_dir(committed::path("man/engines")).expect("man/engines") {
        let name = recipe.expect("a recipe").file_name();
        let name = format!("man/engines/{}", name.to_string_lossy());
        let shown = committed::read(&name)
            .replace('\\', "\\e")
            .replace('-', "\\-");
        let shown = shown.replace("\n.", "\n\\&.").replace("\n'", "\n\\&'");
        assert!(
            page.contains(&format!(".EX\n{shown}.EE\n")),
            "{name} is not in the page"
        );
    }
}

/// What the program writes is what the page describes: the names stand in the table of the source.
#[test]
fn every_event_and_every_field_of_one_is_in_the_page_of_events() {
    let source = committed::read("src/bin/stopctl/report/events.rs");
    let page = committed::read("man/stopctl-events.7");
    let described = |word: &str| {
        let mut words = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|found| found == word)
    };
    let mut strings = source.split('"').skip(1).step_by(2);
    let names: BTreeSet<&str> = strings
        .by_ref()
        .filter(|text| text.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !text.is_empty())
        .collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(described(name), "stopctl-events(7) has no {name}");
    }
}

/// The words of a line, as a shell takes them: those in single quotes are one.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('\'').enumerate();
    let words = pieces.flat_map(|(index, piece)| match index % 2 {
        0 => piece.split_whitespace().collect(),
        _ => vec![piece],
    });
    words.map(str::to_owned).collect()
}

/// The commands of the lines of examples that begin with `stopctl`.
fn examples(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split(".EX\n").skip(1);
    let blocks = blocks.map(|block| block.split(".EE\n").next().unwrap_or_default());
    blocks
        .flat_map(str::lines)
        .map(|line| line.replace("\\-", "-").replace("\\(aq", "'"))
        .filter_map(|line| {
            let line = line.strip_prefix("exec ").unwrap_or(&line);
            let is_ours = line.starts_with("stopctl ");
            is_ours.then(|| words(line.split('#').next().unwrap_or_default()))
        })
        .collect()
}

#[test]
fn every_command_of_an_example_is_one_that_the_program_takes() {
    let mut seen = 0;
    for name in pages() {
        for words in examples(&committed::read(&format!("man/{name}"))) {
            // The shell has the rest of the line.
            let ours = words
                .iter()
                .take_while(|word| !["|", "&&"].contains(&word.as_str()) && !word.starts_with('>'));
            // Help that was asked for is an error for clap, too.
            let refused = declaration().try_get_matches_from(ours).err();
            if let Some(error) = refused.filter(clap::Error::use_stderr) {
                panic!("{name}: {}\n{error}", words.join(" "));
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} commands were found");
}

#[test]
fn mandoc_finds_nothing_to_say_about_any_page() {
    if Process::new("mandoc")
        .arg("-T")
        .arg("null")
        .arg("/dev/null")
        .output()
        .is_err()
    {
        missing("mandoc");
        return;
    }
    for name in pages() {
        let lint = Process::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(committed::path("man").join(&name))
            .output()
            .expect("mandoc");
        let said = String::from_utf8_lossy(&lint.stdout).into_owned();
        assert!(lint.status.success() && said.is_empty(), "{name}:\n{said}");
    }
}

#[test]
fn man_shows_every_page_without_a_warning() {
    if Process::new("man").arg("--version").output().is_err() {
        missing("man");
        return;
    }
    for name in pages() {
        let shown = Process::new("man")
            .args(["--warnings", "-l"])
            .arg(committed::path("man").join(&name))
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            .output()
            .expect("man");
        let said = String::from_utf8_lossy(&shown.stderr).into_owned();
        assert!(shown.status.success() && said.is_empty(), "{name}:\n{said}");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains("NAME"), "{name} is shown as:\n{text}");
    }
}
