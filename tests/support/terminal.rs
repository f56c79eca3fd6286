//! A terminal: a pty whose other end is drawn on a screen, with keys and a size.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::base::Base;
use super::pty::ends;
use super::started::Started;

mod screen;

pub(crate) use screen::Screen;

/// How long something may take to appear; a machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Terminal {
    master: File,
    slave: OwnedFd,
    shared: Arc<(Mutex<Seen>, Condvar)>,
}

/// What came until now.
struct Seen {
    screen: Screen,
    bytes: Vec<u8>,
}

impl Terminal {
    pub(crate) fn new(rows: u16, columns: u16) -> Self {
        let (master, slave) = ends();
        set_size(&slave, rows, columns);
        // A key that makes a signal throws nothing away that a program has drawn before it.
        let mut settings = tcgetattr(&slave).expect("its settings");
        settings.local_flags.insert(LocalFlags::NOFLSH);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).expect("its settings");
        let master = File::from(master);
        let seen = Seen {
            screen: Screen::new(rows, columns),
            bytes: Vec::new(),
        };
        let shared = Arc::new((Mutex::new(seen), Condvar::new()));
        let (mut reader, theirs) = (master.try_clone().expect("dup"), Arc::clone(&shared));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            // It ends with EIO when nobody has the other end open.
            while let Ok(length @ 1..) = reader.read(&mut part) {
                let mut seen = theirs.0.lock().expect("nobody panicked");
                seen.screen.feed(&part[..length]);
                seen.bytes.extend_from_slice(&part[..length]);
                theirs.1.notify_all();
            }
        });
        Self {
            master,
            slave,
            shared,
        }
    }

    /// `stopctl ARGUMENTS` as the leader of a session that has this terminal.
    pub(crate) fn stopctl(&self, base: &Base, arguments: &[&str]) -> Command {
        let mut command = self.command(base);
        command.arg(Base::program()).args(arguments);
        command
    }

    /// A script of a shell with job control; `$STOPCTL` is the program under test.
    pub(crate) fn bash(&self, base: &Base, script: &str) -> Command {
        let mut command = self.command(base);
        let script = format!("set -m\n{script}");
        command
            .args(["bash", "-c", &script])
            .env("STOPCTL", Base::program());
        command
    }

    fn command(&self, base: &Base) -> Command {
        let mut command = base.command("setsid");
        command
            .args(["--ctty"])
            .env("TERM", "xterm")
            .stdin(self.end());
        command
    }

    /// Starts a command with all its streams on this terminal, unless they were chosen.
    pub(crate) fn start(&self, base: &Base, mut command: Command) -> Started {
        command.stdout(self.end()).stderr(self.end());
        Started::begin_as_is(command, base.root(), None)
    }

    /// One more descriptor of the end that programs have.
    pub(crate) fn end(&self) -> Stdio {
        self.slave.try_clone().expect("dup").into()
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        (&self.master).write_all(keys.as_bytes()).expect("keys");
    }

    /// Makes it larger or smaller, as a terminal does: first what it shows, then the kernel's word.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.seen().screen.resize(rows, columns);
        set_size(&self.slave, rows, columns);
    }

    /// Waits until what it shows is as it should be.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Screen) -> bool) {
        let since = Instant::now();
        let mut seen = self.seen();
        while !is_so(&seen.screen) {
            let shown = seen.screen.all();
            assert!(since.elapsed() < PATIENCE, "no {what} on:\n{shown}");
            let patience = Duration::from_secs(1);
            seen = self
                .shared
                .1
                .wait_timeout(seen, patience)
                .expect("nobody panicked")
                .0;
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.all().contains(text));
    }

    /// All that stands on it, and what has left it at the top.
    pub(crate) fn all(&self) -> String {
        self.seen().screen.all()
    }

    /// All that was ever written.
    pub(crate) fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.seen().bytes).into_owned()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.0.lock().expect("nobody panicked")
    }
}

fn set_size(slave: &OwnedFd, rows: u16, columns: u16) {
    let mut stty = Command::new("stty");
    let size = [rows, columns].map(|number| number.to_string());
    stty.args(["rows", &size[0], "cols", &size[1]]);
    let slave = slave.try_clone().expect("dup");
    let status = stty.stdin(slave).status().expect("stty");
    assert!(status.success());
}

/// The settings of a terminal, in the words of stty(1).
pub(crate) fn settings(terminal: &Terminal) -> String {
    let mut stty = Command::new("stty");
    let output = stty.arg("-g").stdin(terminal.end()).output().expect("stty");
    String::from_utf8(output.stdout).expect("UTF-8")
}
