//! The files, pages, looks and JSON that README.md names are there, and are what it says.

use std::fs;

use serde_json::Value;

use super::section;
use crate::committed;

/// The folders of the repository that README.md has paths in.
const FOLDERS: [&str; 7] = [
    ".ci/",
    "benches/",
    "clients/",
    "man/",
    "packaging/",
    "src/",
    "tests/",
];

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = committed::read("README.md");
    let words = readme.split(|c: char| c.is_whitespace() || "`()[]|".contains(c));
    let paths = words.map(|word| word.trim_end_matches([',', ';', ':', '.', '?']));
    let mut seen = 0;
    for path in paths.filter(|path| FOLDERS.iter().any(|folder| path.starts_with(folder))) {
        // A pattern of the shell names a folder.
        let path = path.split('*').next().unwrap_or_default();
        assert!(committed::path(path).exists(), "README.md names {path}");
        seen += 1;
    }
    assert!(seen > 15, "{seen} paths were found");
}

#[test]
fn every_page_that_the_readme_names_is_there() {
    let readme = committed::read("README.md");
    let mut seen = 0;
    for rest in readme.split("`man ").skip(1) {
        let name = rest.split('`').next().expect("a name");
        let is_there = |section| committed::path(&format!("man/{name}.{section}")).is_file();
        assert!(is_there(1) || is_there(7), "README.md names {name}");
        seen += 1;
    }
    assert!(seen > 4, "{seen} pages were found");
}

/// Where a package is shown, its other files are not: a link is a picture, or a heading.
#[test]
fn no_link_of_the_readme_is_to_a_file_but_those_of_the_pictures() {
    let readme = committed::read("README.md");
    let links = readme.match_indices("](").map(|(at, _)| {
        let text = readme[..at].rfind('[').expect("the text of a link");
        let is_picture = readme[..text].ends_with('!');
        let to = readme[at + 2..].split(')').next().expect("a link");
        (to, is_picture)
    });
    let mut pictures = 0;
    for (to, is_picture) in links {
        if let Some(anchor) = to.strip_prefix('#') {
            let heading = anchor.replace('-', " ");
            let mut headings = readme.lines().filter_map(|line| line.strip_prefix("## "));
            assert!(
                headings.any(|found| found.to_lowercase() == heading),
                "README.md has no heading {heading}"
            );
        } else if is_picture {
            assert!(committed::path(to).is_file(), "README.md shows {to}");
            pictures += 1;
        } else {
            assert!(to.starts_with("https://"), "README.md links to {to}");
        }
    }
    assert!(pictures > 0, "no picture was found");
}

#[test]
fn every_json_that_is_printed_is_json() {
    let readme = committed::read("README.md");
    let event = section(&readme, "```json\n", "```\n");
    let event: Value = serde_json::from_str(event).expect("the event in README.md");
    assert_eq!(event["event"], "worker_ended");
    let page = committed::read("man/stopctl-status.1");
    let status = section(section(&page, ".SH JSON\n", ".SH "), ".EX\n", ".EE\n");
    let status: Value = serde_json::from_str(&status.replace("\\-", "-")).expect("the status");
    assert_eq!(status["runs"][0]["workers"][1]["state"], "stopping");
    for json in [&event, &status] {
        assert_eq!(json["schema"], 1);
    }
}

#[test]
fn the_look_of_each_language_stands_in_the_tested_file_that_it_is_from() {
    let readme = committed::read("README.md");
    let table = section(&readme, "<!-- clients -->\n", "\n\n");
    let rows: Vec<(&str, &str)> = table
        .lines()
        .skip(2)
        .map(|row| {
            let mut code = row.split('`').skip(1).step_by(2);
            (code.next().expect("a look"), code.next().expect("a file"))
        })
        .collect();
    for (look, file) in &rows {
        // In a page for man, the hyphens of a command are escaped.
        let text = committed::read(file).replace("\\-", "-");
        assert!(text.contains(look), "{file} has no {look}");
    }
    let languages = fs::read_dir(committed::path("clients")).expect("clients/");
    for language in languages {
        let name = language.expect("clients/").file_name();
        let folder = format!("clients/{}/", name.to_string_lossy());
        assert!(
            rows.iter().any(|(_, file)| file.starts_with(&folder)),
            "README.md says nothing of {folder}"
        );
    }
}
