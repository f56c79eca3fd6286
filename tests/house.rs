//! Keeps the house as its map says: imports go downward, `unsafe` lives in one file, files are
//! short.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file or folder of `src`, floor by floor; a file imports only from floors below its own,
/// and from its own folder.
const FLOORS: [(&str, &[&str]); 15] = [
    ("values", &["escape", "failpoint", "moment", "reason"]),
    (
        "the border to the kernel, and what people type",
        &["sys", "duration", "name", "proc", "signal_name"],
    ),
    ("making, opening and writing files", &["files"]),
    (
        "the words of the contract, and the decision",
        &["ended", "ladder", "owner", "base"],
    ),
    (
        "one run on one machine",
        &[
            "cgroup",
            "flag",
            "control",
            "record",
            "run_dir",
            "process",
            "outcome",
            "signals",
            "terminal",
            "notices",
            "notify",
            "watch",
            "interrupts",
        ],
    ),
    ("what follows", &["tree", "verdict", "standing", "stream"]),
    (
        "what happens, starting a worker, and what the dead left",
        &["event", "spawn", "outer", "leftovers"],
    ),
    (
        "one worker on its ladder, and what a run is to be",
        &["worker", "plan"],
    ),
    (
        "the start, and what an owner has in its hands",
        &["launch", "enforcement"],
    ),
    ("who enforces in the place of a supervisor", &["takeover"]),
    ("who waits for its death", &["guard"]),
    ("who finds it dead", &["taker"]),
    ("who starts and reaps", &["supervisor"]),
    ("the map", &["lib"]),
    ("the program", &["bin"]),
];

/// Lines of code, without comments, blank lines and unit tests.
const LONGEST: usize = 400;

#[test]
fn every_file_has_its_floor() {
    for file in sources() {
        assert!(
            floor(&module(&file)).is_some(),
            "{} is on no floor",
            file.display()
        );
    }
}

#[test]
fn imports_go_downward() {
    for file in sources() {
        let module = module(&file);
        // The program uses the library, and its own files each other.
        let Some(own) = floor(&module).filter(|_| module != "bin") else {
            continue;
        };
        let lines: Vec<String> = code(&file).into_iter().map(|(_, line)| line).collect();
        for imported in imports(&lines.join(" ")) {
            let Some(other) = floor(&imported) else {
                continue;
            };
            assert!(
                other < own || imported == module,
                "{}: {module} (floor {own}) imports {imported} (floor {other})",
                file.display()
            );
        }
    }
}

#[test]
fn the_declaration_of_the_command_line_imports_nothing_of_the_house() {
    let is_declaration = |file: &&PathBuf| {
        file.starts_with("src/bin/stopctl/cli") || file.ends_with("bin/stopctl/cli.rs")
    };
    let files = sources();
    let declarations: Vec<&PathBuf> = files.iter().filter(is_declaration).collect();
    assert!(declarations.len() > 1, "{declarations:?}");
    for file in declarations {
        for (number, line) in code(file) {
            for path in ["crate::", "stopctl::"] {
                assert!(!line.contains(path), "{}:{number}: {line}", file.display());
            }
        }
    }
}

#[test]
fn unsafe_lives_in_one_file() {
    for file in sources() {
        if file.ends_with("src/sys.rs") {
            continue;
        }
        for (number, line) in code(&file) {
            let found = line
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| word == "unsafe" || word == "unsafe_code");
            assert!(!found, "{}:{number}: {line}", file.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for file in all_sources() {
        let lines = code(&file)
            .iter()
            .filter(|(_, line)| !line.trim().is_empty())
            .count();
        assert!(
            lines <= LONGEST,
            "{} has {lines} lines of code",
            file.display()
        );
    }
}

#[test]
fn every_file_is_one_that_another_includes() {
    for file in sources() {
        let (folder, name) = (file.parent().expect("a folder"), file.file_stem());
        let name = name.expect("a name").to_string_lossy();
        if ["lib", "main"].contains(&&*name) {
            continue;
        }
        let above = [
            folder.with_extension("rs"),
            folder.join("lib.rs"),
            folder.join("main.rs"),
        ];
        let declared = format!("mod {name};");
        let included = above
            .iter()
            .filter(|above| above.exists())
            .map(|above| fs::read_to_string(above).expect("a source"))
            .any(|text| text.lines().any(|line| line.ends_with(&declared)));
        assert!(included, "{} is compiled by nobody", file.display());
    }
}

#[test]
fn imports_name_what_they_import() {
    for file in sources() {
        for (number, line) in code(&file) {
            assert!(
                !(line.trim_start().starts_with("use ") && line.contains('*')),
                "{}:{number}: {line}",
                file.display()
            );
        }
    }
}

#[test]
fn nothing_has_a_name_that_means_anything() {
    for file in all_sources() {
        for part in &file {
            let part = part.to_string_lossy();
            let stem = part.trim_end_matches(".rs");
            assert!(
                ![
                    "utils", "util", "helpers", "helper", "common", "types", "misc"
                ]
                .contains(&stem),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn no_work_is_left_for_later_in_the_text() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source");
        for word in [
            "TODO",
            "FIXME",
            "XXX",
            "todo!(",
            "unimplemented!(",
            "#[ignore",
        ] {
            assert!(!text.contains(word), "{} says {word}", file.display());
        }
    }
}

/// The files of `src`, as paths from the package's directory, which is where cargo runs tests.
fn sources() -> Vec<PathBuf> {
    below(&["src"])
}

/// The files that people read: of the program, and of what tries it.
fn all_sources() -> Vec<PathBuf> {
    below(&["src", "tests", "benches"])
}

fn below(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 1, "tests run in the package's directory");
    found
}

/// The first part of a file's path below `src`: `flag` for `src/flag/reader.rs` and `src/flag.rs`.
fn module(file: &Path) -> String {
    let below = file.strip_prefix("src").expect("a path below src");
    let first = below.components().next().expect("a name");
    let name = first.as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").into()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

/// The lines that are not comments, with their numbers. Unit tests at the end of a file may look
/// around, as any user of it may.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.into()))
        .collect()
}

/// The modules that a text names: every `crate::NAME`, with the names of `crate::{A, B}`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let list = rest
            .strip_prefix('{')
            .map_or(rest, |list| list.split('}').next().unwrap_or_default());
        let names = if rest.starts_with('{') {
            list.split(',').map(str::trim).collect()
        } else {
            vec![list]
        };
        for name in names {
            let name: String = name
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            found.push(name);
        }
    }
    found
}
