//! Keeps the house as its map, `src/lib.rs`, describes it: imports go up the list of rooms, `unsafe` lives in one
//! folder, files are short. And it keeps the list of faults, `tests/FAULTS.md`, in step with the tests.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code, without comments, blank lines and unit tests.
const LONGEST: usize = 400;

#[test]
fn the_map_names_every_room_in_its_order() {
    let map = fs::read_to_string("src/lib.rs").expect("the map");
    let declared: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(" {"))
        .collect();
    assert_eq!(rooms(), declared, "the table and the modules of src/lib.rs");
    for folder in fs::read_dir("src").expect("src") {
        let path = folder.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let is_room = path.is_dir() && rooms().contains(&name.to_string());
        assert!(
            is_room || ["lib", "failpoint", "bin"].contains(&&*name),
            "{} is in no room",
            path.display()
        );
    }
}

#[test]
fn the_commands_and_the_files_of_the_map_are_there() {
    let texts = ["src/lib.rs", "README.md"].map(|file| fs::read_to_string(file).expect("a text"));
    let text = texts.join("\n");
    let mut seen = 0;
    for command in text.split("cargo test --test ").skip(1) {
        let mut words = command.split(['`', '\n', ' ']);
        let program = Path::new("tests").join(words.next().expect("a name"));
        let is_there = program.with_extension("rs").exists() || program.join("main.rs").exists();
        assert!(is_there, "no {}", program.display());
        if let Some(module) = words.next().and_then(|word| word.strip_suffix("::")) {
            let module = program.join(module).with_extension("rs");
            assert!(module.exists(), "no {}", module.display());
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen} commands were found");
    for path in text.split("`src/").skip(1) {
        let path = Path::new("src").join(path.split('`').next().expect("a path"));
        assert!(path.exists(), "no {}", path.display());
    }
}

#[test]
fn imports_go_up_the_list_of_rooms() {
    let rooms = rooms();
    let place = |room: &str| rooms.iter().position(|other| other == room);
    let mut seen = 0;
    for file in sources() {
        // The program uses the whole library; `failpoint` stands beside the rooms, and imports none.
        let room = module(&file);
        if ["bin", "lib"].contains(&&*room) {
            continue;
        }
        let lines: Vec<String> = code(&file).into_iter().map(|(_, line)| line).collect();
        for imported in imports(&lines.join(" ")) {
            let Some(other) = place(&imported) else {
                assert_eq!(imported, "failpoint", "{}: no room", file.display());
                continue;
            };
            assert!(
                place(&room).is_some_and(|own| other <= own),
                "{}: {room} imports {imported}",
                file.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 200, "{seen} imports were found");
}

/// The test above does not see a path that climbs out of its room by `super`.
#[test]
fn imports_between_rooms_begin_with_the_crate() {
    let in_a_room = |file: &PathBuf| rooms().contains(&module(file));
    for file in sources().into_iter().filter(in_a_room) {
        let climbs_out = "super::".repeat(file.components().count() - 1);
        for (number, line) in code(&file) {
            assert!(
                !line.contains(&climbs_out),
                "{}:{number}: {line}",
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

/// A reader may have a locale of ASCII alone.
#[test]
fn what_people_read_is_written_in_ascii() {
    // One knows which letters a reader has, and the other makes data.
    let spared = ["src/bin/stopctl/say/letters.rs", "src/contract/record.rs"].map(Path::new);
    let is_test = |file: &PathBuf| file.ends_with("tests.rs");
    for file in sources() {
        if spared.contains(&&*file) || is_test(&file) {
            continue;
        }
        for (number, line) in code(&file) {
            // What the program escapes goes through the first of them.
            let is_around = file.starts_with("src/bin") && line.contains("words::escape");
            assert!(
                line.is_ascii() && !is_around,
                "{}:{number}: {line}",
                file.display()
            );
        }
    }
}

#[test]
fn unsafe_lives_in_one_folder() {
    for file in sources() {
        if file.starts_with("src/linux/sys") {
            continue;
        }
        // The head of the folder is the one place that lifts the lint.
        let lifts = file.ends_with("src/linux/sys.rs");
        for (number, line) in code(&file) {
            let found = line
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| word == "unsafe" || (word == "unsafe_code" && !lifts));
            assert!(!found, "{}:{number}: {line}", file.display());
        }
    }
}

/// Rooms further down cannot be imported, so what is left to check is the outside.
#[test]
fn what_is_decided_needs_no_clock_no_process_and_no_file() {
    let is_pure = |file: &&PathBuf| ["words", "decide"].contains(&&*module(file));
    let files = sources();
    let pure: Vec<&PathBuf> = files.iter().filter(is_pure).collect();
    assert!(pure.len() > 5, "{pure:?}");
    for file in pure {
        for (number, line) in code(file) {
            for outside in ["env", "fs", "io", "net", "process", "thread"] {
                let uses = line.contains(&format!("std::{outside}"));
                assert!(!uses, "{}:{number}: {line}", file.display());
            }
            for outside in [" nix::", "Instant", "SystemTime", "println!"] {
                assert!(
                    !line.contains(outside),
                    "{}:{number}: {line}",
                    file.display()
                );
            }
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

/// A line of a part can only touch what its file shows; traits may be implemented elsewhere.
#[test]
fn what_a_type_can_do_stands_in_the_file_that_defines_it() {
    let mut found = 0;
    let mut elsewhere = Vec::new();
    for file in sources() {
        let lines: Vec<String> = code(&file).into_iter().map(|(_, line)| line).collect();
        let text = lines.join("\n");
        let defined: Vec<String> = ["struct ", "enum ", "union ", "trait "]
            .iter()
            .flat_map(|kind| text.split(kind).skip(1).map(name))
            .collect();
        for header in impls(&lines) {
            let path = header.split('<').next().unwrap_or_default();
            let whom = path.rsplit("::").next().map(name).unwrap_or_default();
            found += 1;
            if !defined.contains(&whom) {
                elsewhere.push(format!("{}: {whom}", file.display()));
            }
        }
    }
    assert!(found > 100, "{found} impls were found");
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
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
            // The rooms are declared where they are listed.
            folder.with_file_name("lib.rs"),
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

/// A test is found by the id of its row, and a row by the id in the name of its test.
#[test]
fn every_fault_has_an_id_of_its_own_and_the_tests_that_its_row_names() {
    let faults = fs::read_to_string("tests/FAULTS.md").expect("the faults");
    let files = all_sources().into_iter();
    let sources: String = files
        .map(|file| fs::read_to_string(file).expect("a source"))
        .collect();
    let is_id = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(char::is_alphabetic)
            && letters.next().is_some_and(char::is_numeric)
    };
    let mut ids = HashSet::new();
    for row in faults.lines().filter_map(|line| line.strip_prefix("| ")) {
        let Some(id) = row.split(' ').next().filter(|id| is_id(id)) else {
            continue;
        };
        assert!(ids.insert(id), "two rows have the id {id}");
        for path in row.split('`').skip(1).step_by(2) {
            let test = path.rsplit("::").next().unwrap_or_default();
            let is_whole = test.contains('_') && name(test) == test;
            let is_there = || sources.contains(&format!("fn {test}("));
            assert!(!(is_id(test) && is_whole) || is_there(), "{id}: no {test}");
        }
    }
    assert!(ids.len() > 300, "{} rows were found", ids.len());
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
            if path.is_dir() && path != Path::new("tests/fuzz/target") {
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

/// The rooms, from the table of `src/lib.rs`, which is the one map of the house.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string("src/lib.rs").expect("the map");
    let cell = |line: &str| {
        let name = line.strip_prefix("//! | `")?.split('`').next()?;
        // The program is no module of the library.
        (!name.starts_with("bin/")).then(|| name.to_owned())
    };
    let rooms: Vec<String> = map.lines().filter_map(cell).collect();
    assert!(
        rooms.len() > 5,
        "the table of rooms is in src/lib.rs: {rooms:?}"
    );
    rooms
}

/// The lines that are not comments, with their numbers. The unit tests at the end of a file are left
/// out: they may import what they need, as any user of the file may.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| {
        let is_for_tests = pair[0] == "#[cfg(test)]" || pair[0].starts_with("#[cfg(all(test,");
        is_for_tests && pair[1] == "mod tests {"
    };
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    lines[..end]
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, (*line).to_owned()))
        .collect()
}

/// The type of each `impl` that implements no trait, with what follows it up to the brace.
fn impls(lines: &[String]) -> Vec<String> {
    let begins = |line: &str| line.starts_with("impl ") || line.starts_with("impl<");
    let mut found = Vec::new();
    for (number, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| begins(line.trim_start()))
    {
        let text = lines[number..].join(" ");
        let header = text.split('{').next().unwrap_or_default();
        if !header.contains(" for ") {
            let header = header.trim_start().trim_start_matches("impl");
            found.push(after_parameters(header).trim().to_owned());
        }
    }
    found
}

/// The text after the generic parameters that it may begin with.
fn after_parameters(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|letter| {
        depth += match letter {
            '<' => 1,
            '>' => -1,
            _ => 0,
        };
        depth == 0
    });
    text[end.unwrap_or(0)..].trim_start_matches('>')
}

/// The name that a text begins with.
fn name(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
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
