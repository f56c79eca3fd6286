//! The readers printed in stopctl-flag(7), run against a flag that is written as the
//! owner writes it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::need::missing;

mod printed;

const OWNER_ALIVE: u32 = 0x8000_1267;
const OWNER_DIED: u32 = 0xc000_0000;

/// A flag that is down, with its `owner` beside it.
struct Flag {
    dir: TempDir,
}

impl Flag {
    fn down() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let flag = Self { dir };
        let mut bytes = [b'\n'; 64];
        bytes[0] = b'0';
        fs::write(flag.path(), bytes).expect("write the flag");
        fs::write(flag.owner(), [b'\n'; 256]).expect("write the owner");
        flag.set_owner(OWNER_ALIVE);
        flag
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("0.9f3ab2c47d01e586")
    }

    fn owner(&self) -> PathBuf {
        self.dir.path().join("owner")
    }

    fn set_owner(&self, word: u32) {
        open_to_write(&self.owner())
            .write_all_at(&word.to_ne_bytes(), 0)
            .expect("the owner word");
    }

    /// The text first, then the word, as the contract says.
    fn raise(&self) {
        let file = open_to_write(&self.path());
        let mut text = b"user 1874909537128 1763818800".to_vec();
        text.resize(60, b'\n');
        file.write_all_at(&text, 4).expect("the text of the flag");
        file.write_all_at(b"1   ", 0).expect("the word of the flag");
    }
}

fn open_to_write(path: &Path) -> File {
    OpenOptions::new()
        .write(true)
        .open(path)
        .expect("open to write")
}

/// One reader, as a program that tells `go` or `stop` and looks again for each line it reads.
struct Reader {
    name: String,
    command: Vec<String>,
    /// Whether it opens the flag at each look, so that it misses one that was removed.
    opens_each_time: bool,
    _built: TempDir,
}

impl Reader {
    fn start(&self, flag: Option<&Path>) -> Looking {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).env_remove("STOPCTL_FLAG");
        if let Some(path) = flag {
            command.env("STOPCTL_FLAG", path);
        }
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Looking { child, answers }
    }
}

struct Looking {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Looking {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim().to_owned()
    }

    fn look_again(&mut self) -> String {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"look\n").expect("ask for a look");
        self.answer()
    }

    /// Lets it end, and answers what it wrote to its standard error.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr
            .read_to_string(&mut said)
            .expect("its standard error");
        self.child.wait().expect("wait");
        said
    }
}

/// The reader in `language`, followed by `driver`; `None` if the tool is not here.
fn build(language: &str, driver: &str) -> Option<Reader> {
    let built = tempfile::tempdir().expect("a temporary directory");
    let file = built.path().join(format!("reader.{language}"));
    fs::write(&file, printed::reader(language) + driver).expect("write the reader");
    let file = file.display().to_string();
    let program = built.path().join("reader").display().to_string();
    let (tool, compile, command) = match language {
        "sh" | "bash" => (language, None, vec![language.to_owned(), file]),
        "busybox" => (
            language,
            None,
            ["busybox", "sh", &file].map(str::to_owned).to_vec(),
        ),
        "python" => ("python3", None, vec!["python3".to_owned(), file]),
        "c" => {
            let options = [
                "-x", "c", "-O2", "-Wall", "-Wextra", "-Werror", &file, "-o", &program,
            ];
            (
                "cc",
                Some(options.map(str::to_owned).to_vec()),
                vec![program],
            )
        }
        "rust" => {
            let options = ["--edition", "2024", "-D", "warnings", &file, "-o", &program];
            (
                "rustc",
                Some(options.map(str::to_owned).to_vec()),
                vec![program],
            )
        }
        other => panic!("no way to run {other}"),
    };
    let mut asked = Command::new(tool);
    asked.args(compile.unwrap_or_default()).stdin(Stdio::null());
    let Ok(output) = asked.output() else {
        missing(tool);
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{language}:\n{said}");
    Some(Reader {
        name: language.to_owned(),
        command,
        opens_each_time: printed::is_shell(language),
        _built: built,
    })
}

fn every_reader() -> impl Iterator<Item = Reader> {
    printed::LOOKS
        .iter()
        .filter_map(|(language, driver)| build(language, driver))
}

#[test]
fn every_reader_runs_until_the_flag_is_raised() {
    for reader in every_reader() {
        let flag = Flag::down();
        let mut looking = reader.start(Some(&flag.path()));
        assert_eq!(looking.answer(), "go", "{}", reader.name);
        assert_eq!(looking.look_again(), "go", "{}", reader.name);
        flag.raise();
        assert_eq!(looking.look_again(), "stop", "{}", reader.name);
        assert_eq!(looking.end(), "", "{}", reader.name);
    }
}

#[test]
fn every_reader_takes_any_first_byte_but_zero_for_stop() {
    for reader in every_reader() {
        for first in [b'1', b'2', b'3', b'9', b'R', b' ', b'\n'] {
            let flag = Flag::down();
            open_to_write(&flag.path())
                .write_all_at(&[first], 0)
                .expect("the first byte");
            let mut looking = reader.start(Some(&flag.path()));
            assert_eq!(looking.answer(), "stop", "{} with {first}", reader.name);
            looking.end();
        }
    }
}

#[test]
fn every_reader_runs_without_a_supervisor() {
    for reader in every_reader() {
        let mut looking = reader.start(None);
        assert_eq!(looking.answer(), "go", "{}", reader.name);
        assert_eq!(looking.end(), "", "{}", reader.name);
    }
}

#[test]
fn every_reader_warns_once_and_runs_when_its_flag_is_not_visible() {
    for reader in every_reader() {
        let mut looking = reader.start(Some(Path::new("/dev/shm/stopctl-none/none/0.0")));
        assert_eq!(looking.answer(), "go", "{}", reader.name);
        assert_eq!(looking.look_again(), "go", "{}", reader.name);
        let said = looking.end();
        assert_eq!(said.lines().count(), 1, "{} said {said:?}", reader.name);
    }
}

#[test]
fn a_flag_that_is_removed_later_stops_those_that_open_it_and_no_others() {
    for reader in every_reader() {
        let flag = Flag::down();
        let mut looking = reader.start(Some(&flag.path()));
        assert_eq!(looking.answer(), "go", "{}", reader.name);
        fs::remove_file(flag.path()).expect("remove the flag");
        let wanted = if reader.opens_each_time { "stop" } else { "go" };
        assert_eq!(looking.look_again(), wanted, "{}", reader.name);
        looking.end();
    }
}

#[test]
fn a_reader_that_waits_sees_the_flag_and_the_death_of_the_owner() {
    type Change = fn(&Flag);
    let changes: [Change; 2] = [Flag::raise, |flag| flag.set_owner(OWNER_DIED)];
    for (language, driver) in printed::WAITS {
        let Some(reader) = build(language, driver) else {
            continue;
        };
        for change in changes {
            let flag = Flag::down();
            let mut looking = reader.start(Some(&flag.path()));
            assert_eq!(looking.answer(), "waiting", "{}", reader.name);
            change(&flag);
            // It would answer "go" after a minute. Nobody wakes it: its sleep is capped.
            assert_eq!(looking.answer(), "stop", "{}", reader.name);
            looking.end();
        }
        let mut looking = reader.start(None);
        assert_eq!(looking.answer(), "waiting", "{}", reader.name);
        looking.child.kill().expect("end the reader");
        looking.end();
    }
}
