//! The way of a child to its program, between fork and exec.

use std::ffi::CString;
use std::io::{self, Write as _};

use libc::{SIGINT, SIGTERM};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, dup2_stdin, getpid, setpgid, setsid, tcsetpgrp};

use super::conditions::Conditions;
use super::environment::Room;
use super::error::{Failure, Step};
use super::{Exposure, Outfit, Place, Recipe};
use crate::contract::record::Born;
use crate::failpoint::{self, Role};
use crate::linux::process;
use crate::linux::sys::{self, Disposition, Words};

/// The child has found that its program must not run any more.
pub(super) struct NotToRun;

/// All that a child needs between fork and exec, where nothing may be allocated and no lock taken.
pub(super) struct Child<'a> {
    recipe: &'a Recipe,
    outfit: &'a Outfit<'a>,
    conditions: Conditions<'a>,
    environment: Words<'a>,
    arguments: Words<'a>,
    shell: Words<'a>,
}

impl<'a> Child<'a> {
    /// Makes all of it, before the fork. `ours` are the variables that stopctl sets.
    pub(super) fn of(recipe: &'a Recipe, outfit: &'a Outfit<'a>, ours: &'a [CString]) -> Self {
        let inherited = recipe.environment.entries();
        Self {
            recipe,
            outfit,
            conditions: Conditions::of_ours(outfit.flag.file(), &outfit.owner),
            environment: Words::of(inherited.chain(ours.iter().map(CString::as_c_str))),
            arguments: recipe.program.arguments(),
            shell: recipe.program.shell(),
        }
    }

    /// The way to the program; comes back only if that does not run.
    pub(super) fn go(mut self, room: &'a mut Room) -> Result<NotToRun, Failure> {
        let (recipe, outfit) = (self.recipe, self.outfit);
        failpoint::enter(Role::Child(outfit.number.get()));
        failpoint::pass("child");
        match recipe.place {
            Place::OwnSession => setsid().map(drop),
            Place::Foreground => setpgid(Pid::from_raw(0), Pid::from_raw(0)),
        }
        .map_err(Step::Session.failed())?;
        // What was sent to the group of the supervisor while we still were in it has reached the
        // supervisor, too, which knows what it means for its workers.
        sys::discard_pending();
        if let Some(terminal) = &outfit.terminal {
            // If it fails, somebody has closed the terminal, and that stops the run.
            let _ = tcsetpgrp(terminal, getpid());
        }
        restore_dispositions(recipe.stop_signal).map_err(Step::Signals.failed())?;
        if recipe.exposure == Exposure::Shielded {
            shield().map_err(Step::Signals.failed())?;
        }
        let (soft, hard) = recipe.open_files;
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(Step::OpenFiles.failed())?;
        if let Some(null) = &recipe.null {
            dup2_stdin(null).map_err(Step::Stdin.failed())?;
        }
        // ORDER: first on record, then the check whether to run at all. Whoever takes over after
        // a crash in between finds either no process or one that is on record.
        failpoint::pass("child prepared");
        if let Some(mut entry) = outfit.entry.as_ref() {
            // 0 means the process that writes it (cgroups(7)).
            entry.write_all(b"0").map_err(Step::Cgroup.failed())?;
        }
        let born = born();
        outfit.birth.write(&born).map_err(Step::Record.failed())?;
        failpoint::pass("birth written");
        if !self.conditions.hold() {
            self.conditions.note_look();
            return Ok(NotToRun);
        }
        failpoint::pass("conditions hold");
        let us = (born.pid, born.inode);
        recipe
            .environment
            .name_the_worker(&mut self.environment, us, room);
        let unblocked = SigSet::empty().thread_set_mask();
        unblocked.map_err(Step::Signals.failed())?;
        failpoint::pass("to be exec'ed");
        let (arguments, environment) = (&self.arguments, &self.environment);
        let error = recipe.program.run(arguments, &mut self.shell, environment);
        Err(Step::Exec.failed()(error))
    }
}

/// Sets every signal to what a program expects. A signal that was ignored when we started stays
/// ignored (nohup, background jobs), except for those of the ladder, which we have reset for
/// ourselves.
fn restore_dispositions(stop_signal: i32) -> io::Result<()> {
    if stop_signal != SIGTERM {
        sys::set_disposition(stop_signal, Disposition::Default)?;
    }
    for (signal, was_ignored) in sys::ignored_by_us() {
        let to = if was_ignored {
            Disposition::Ignore
        } else {
            Disposition::Default
        };
        sys::set_disposition(signal, to)?;
    }
    Ok(())
}

/// Ignores what engines send to every process. The program inherits that (execve(2)).
fn shield() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        sys::set_disposition(signal, Disposition::Ignore)?;
    }
    Ok(())
}

/// What goes on record about this process, between fork and exec.
fn born() -> Born {
    let pid = process::own_pid();
    let inode = process::open(pid).ok();
    Born {
        pid,
        start: process::own_start(&mut [0; 1024]),
        inode: inode.as_ref().and_then(process::pidfs_inode),
    }
}
