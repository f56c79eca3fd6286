//! Commands whose worker cannot see its flag, because something stands in between: what has to be added
//! to what was typed, if anything has.

use std::ffi::OsString;
use std::path::Path;

use stopctl::contract::flag::reader::VARIABLE;

use crate::say::warnings::Severed;

/// Options of sudo whose value is the next word.
const OF_SUDO: [&str; 11] = [
    "--user",
    "--group",
    "--host",
    "--prompt",
    "--chdir",
    "--chroot",
    "--close-from",
    "--command-timeout",
    "--role",
    "--type",
    "--other-user",
];

/// The same with one letter.
const LETTERS_OF_SUDO: &str = "ughpDRCTrtU";

/// The same of docker, before its subcommand.
const OF_DOCKER: [&str; 8] = [
    "-H",
    "--host",
    "-c",
    "--context",
    "-l",
    "--log-level",
    "--config",
    "--url",
];

/// What stands between the flag and the worker of this command.
pub(super) fn severed(command: &[OsString]) -> Option<Severed> {
    let words: Vec<&str> = command
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let (program, words) = words.split_first()?;
    let program = Path::new(program).file_name()?.to_str()?;
    match program {
        "sudo" => sudo(words),
        "ssh" => {
            let is_there = words.iter().any(|word| word.contains("stopctl"));
            (!is_there).then_some(Severed::OtherHost)
        }
        "docker" | "podman" => container(program, words),
        _ => None,
    }
}

fn sudo(words: &[&str]) -> Option<Severed> {
    let takes_value = |word: &str| {
        let letter = word.chars().last().filter(|_| !word.starts_with("--"));
        OF_SUDO.contains(&word) || letter.is_some_and(|letter| LETTERS_OF_SUDO.contains(letter))
    };
    let (options, command) = options(words, takes_value);
    let keeps_all = |word: &&str| {
        let is_short = word.starts_with('-') && !word.starts_with("--");
        *word == "--preserve-env" || (is_short && word.contains('E'))
    };
    let keeps = |word: &&str| {
        let list = word.strip_prefix("--preserve-env=");
        list.is_some_and(|list| list.split(',').any(|name| name == VARIABLE))
    };
    let is_passed = options.iter().any(|word| keeps_all(word) || keeps(word));
    (!is_passed && !command.is_empty()).then_some(Severed::Sudo)
}

fn container(program: &str, words: &[&str]) -> Option<Severed> {
    let (_, mut words) = options(words, |word| OF_DOCKER.contains(&word));
    if words.first() == Some(&"container") {
        words = &words[1..];
    }
    let (subcommand, words) = words.split_first()?;
    if !["run", "create", "exec"].contains(subcommand) {
        return None;
    }
    let is_named = |value: &str| value == VARIABLE || value.starts_with("STOPCTL_FLAG=");
    let is_passed = words
        .windows(2)
        .any(|pair| ["-e", "--env"].contains(&pair[0]) && is_named(pair[1]))
        || words.iter().any(|word| {
            let value = word
                .strip_prefix("--env=")
                .or_else(|| word.strip_prefix("-e"));
            value.is_some_and(is_named)
        });
    let is_shown = *subcommand == "exec"
        || words
            .iter()
            .any(|word| word.contains("/dev/shm") || *word == "--ipc=host")
        || words.windows(2).any(|pair| pair == ["--ipc", "host"]);
    (!is_passed || !is_shown).then(|| Severed::Container {
        program: program.to_owned(),
        subcommand: (*subcommand).to_owned(),
        is_passed,
        is_shown,
    })
}

/// The options before the first word that is none, and the words from that one on.
fn options<'a, 'w>(
    words: &'a [&'w str],
    takes_value: impl Fn(&str) -> bool,
) -> (Vec<&'w str>, &'a [&'w str]) {
    let mut options = Vec::new();
    let mut at = 0;
    while let Some(&word) = words.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        if word == "--" {
            break;
        }
        options.push(word);
        at += usize::from(takes_value(word));
    }
    (options, &words[at.min(words.len())..])
}

#[cfg(test)]
mod tests {
    use super::{OsString, severed};

    fn told(command: &str) -> Option<String> {
        let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        severed(&words).map(|severed| severed.told())
    }

    #[test]
    fn a_hint_is_given_until_it_is_followed() {
        for (command, hint) in [
            ("sudo make", Some("add --preserve-env=STOPCTL_FLAG")),
            ("sudo -u me make", Some("add --preserve-env=STOPCTL_FLAG")),
            ("sudo make -E", Some("add --preserve-env=STOPCTL_FLAG")),
            (
                "sudo --preserve-env=HOME make",
                Some("add --preserve-env=STOPCTL_FLAG"),
            ),
            ("sudo --preserve-env=HOME,STOPCTL_FLAG make", None),
            ("sudo --preserve-env make", None),
            ("/usr/bin/sudo -nE make", None),
            ("sudo -u me -E make", None),
            ("sudo -v", None),
            ("ssh host make", Some("start stopctl there")),
            ("ssh host stopctl run make", None),
            (
                "docker run image",
                Some("add --env STOPCTL_FLAG --volume /dev/shm:/dev/shm to docker run"),
            ),
            (
                "podman run -e STOPCTL_FLAG image",
                Some("add --volume /dev/shm:/dev/shm to podman run"),
            ),
            (
                "docker -H host container run -v /dev/shm:/dev/shm image",
                Some("add --env STOPCTL_FLAG to docker run"),
            ),
            ("docker run --env=STOPCTL_FLAG --ipc=host image", None),
            ("docker exec -e STOPCTL_FLAG it make", None),
            (
                "docker exec it make",
                Some("add --env STOPCTL_FLAG to docker exec"),
            ),
            ("docker ps", None),
            ("docker", None),
            ("make sudo", None),
        ] {
            let told = told(command);
            match hint {
                None => assert_eq!(told, None, "{command}"),
                Some(hint) => assert!(
                    told.as_ref().is_some_and(|told| told.ends_with(hint)),
                    "{command}: {told:?}"
                ),
            }
        }
    }
}
