//! One walk through `/proc`: which processes there were, the parent of each, and the flag that it was
//! given.
//!
//! It is a picture of a moment in the past. A process that is found in it is checked again, once it
//! is held, before anything is done to it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::contract::flag::reader;
use crate::linux::proc::Proc;
use crate::linux::process::{self, Stat};
use crate::words::pid::Pid;

/// How often, and how long after each other, a process is asked for its environment that has none while
/// it executes a program. That usually takes microseconds.
const ASKED: usize = 50;
const PAUSE: Duration = Duration::from_micros(200);

/// Every process that `/proc` showed.
#[derive(Debug, Default)]
pub(super) struct Census {
    everybody: Vec<(Pid, Stat)>,
    /// By parent.
    children: HashMap<Pid, Vec<Pid>>,
    /// By the path of the flag in their environment; read when it is first needed.
    inheritors: OnceCell<HashMap<PathBuf, Vec<Pid>>>,
}

impl Census {
    pub(super) fn take() -> Self {
        if Proc::get() != Proc::Ours {
            return Self::default();
        }
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| Pid::parse(entry.file_name().to_str()?));
        let everybody: Vec<(Pid, Stat)> =
            pids.filter_map(|pid| Some((pid, Stat::of(pid)?))).collect();
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for (pid, stat) in &everybody {
            if let Some(parent) = stat.parent {
                children.entry(parent).or_default().push(*pid);
            }
        }
        Self {
            everybody,
            children,
            ..Self::default()
        }
    }

    pub(super) fn everybody(&self) -> &[(Pid, Stat)] {
        &self.everybody
    }

    pub(super) fn of(&self, pid: Pid) -> Option<&Stat> {
        let mut everybody = self.everybody.iter();
        everybody.find(|(one, _)| *one == pid).map(|(_, stat)| stat)
    }

    pub(super) fn children(&self, parent: Pid) -> &[Pid] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The processes that were given the flag at `path`. No other start of a worker ever had that
    /// flag, so a process that has inherited its path belongs to this worker.
    pub(super) fn inheritors(&self, path: &Path) -> &[Pid] {
        let inheritors = self.inheritors.get_or_init(|| {
            let mut inheritors: HashMap<PathBuf, Vec<Pid>> = HashMap::new();
            for (pid, _) in &self.everybody {
                if let Some(path) = flag_of(*pid) {
                    inheritors.entry(path).or_default().push(*pid);
                }
            }
            inheritors
        });
        inheritors.get(path).map_or(&[], Vec::as_slice)
    }
}

/// The flag that a process was given, by its environment; it may have overwritten that since.
#[must_use]
pub fn flag_of(pid: Pid) -> Option<PathBuf> {
    let environment = environment_of(pid)?;
    let name = format!("{}=", reader::VARIABLE).into_bytes();
    let mut variables = environment.split(|&b| b == 0);
    let path = variables.find_map(|one| one.strip_prefix(name.as_slice()))?;
    Some(OsString::from_vec(path.to_vec()).into())
}

/// The environment that a process was given. A child of a worker that is executing its program just
/// now is of the worker, too.
fn environment_of(pid: Pid) -> Option<Vec<u8>> {
    let path = Proc::of(pid, "environ")?;
    for _ in 0..ASKED {
        let environment = fs::read(&path).ok()?;
        if !environment.is_empty() || !process::is_executing(pid) {
            return Some(environment);
        }
        thread::sleep(PAUSE);
    }
    None
}
