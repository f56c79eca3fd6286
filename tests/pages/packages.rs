//! What the packages say of themselves, where nobody has the repository beside them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::committed;

#[test]
fn the_changelog_of_the_deb_begins_with_this_version() {
    let changelog = committed::read("packaging/changelog");
    let begin = concat!("stopctl (", env!("CARGO_PKG_VERSION"), "-");
    assert!(changelog.starts_with(begin), "{changelog}");
}

#[test]
fn the_python_package_has_the_licence_of_the_repository() {
    // A copy, for a link would lead out of the source distribution.
    let own = committed::read("clients/python/LICENSE");
    assert_eq!(own, committed::read("LICENSE"));
    let metadata = committed::read("clients/python/pyproject.toml");
    let licence = concat!("\nlicense = \"", env!("CARGO_PKG_LICENSE"), "\"\n");
    assert!(metadata.contains(licence), "{metadata}");
}

#[test]
fn a_text_that_a_registry_shows_links_to_nothing_beside_it() {
    for file in [env!("CARGO_PKG_README"), "clients/python/README.md"] {
        let text = committed::read(file);
        for link in text.split("](").skip(1) {
            assert!(link.starts_with("https://"), "{file} links to {link}");
        }
        assert!(!text.contains("<img") && !text.contains("href="), "{file}");
    }
}

#[test]
fn whatever_is_linked_into_the_program_is_named_in_its_copyright() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal,no-proc-macro", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    assert!(tree.status.success(), "{tree:?}");
    let tree = String::from_utf8(tree.stdout).expect("names in UTF-8");
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    let mut linked: BTreeSet<String> = tree.lines().filter_map(name).collect();
    linked.remove(env!("CARGO_PKG_NAME"));

    let copyright = committed::read("packaging/copyright");
    let named: BTreeSet<String> = copyright
        .split("These crates, ")
        .skip(1)
        .filter_map(|list| list.split_once(":\n")?.1.split_once('.'))
        .flat_map(|(list, _)| list.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    assert_eq!(named, linked, "packaging/copyright, and cargo tree");
    assert!(copyright.contains("\nLicense: LGPL-2.1+ and "));
}
