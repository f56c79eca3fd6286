//! What a supervisor does that was silent so long that somebody took over: it reaps its children
//! and nothing else. Whoever took over asks them, signals them, and removes the names.

use super::Supervisor;
use super::looks::Looks;
use super::put_back::Deletion;
use crate::enforce::event::Event;
use crate::linux::process;
use crate::words::moment::Moment;

impl Supervisor<'_> {
    pub(super) fn only_reap(&mut self, now: Moment) {
        self.newborns.let_go();
        self.timeout = None;
        self.guard_at = None;
        // Nobody gives more time to who speaks to us.
        self.hearing = None;
        // Nor does it matter who looks, or what an outer run asks. What is not read would wake us
        // again and again.
        self.looks = Looks::default();
        self.deletion = Deletion::default();
        self.outer = None;
        self.presses.note_late(&self.signals.take());
        let _ = self.signals.children().take();
        // Its workers are another's, so it is suspended alone.
        self.signals.suspend().obey();
        // Who ended while we were silent may have done so before it was asked, or after: what is
        // told of it now is not known. Nobody was there to see.
        let was_silent = self.run.depose();
        if was_silent {
            self.run.witness.see(now, &Event::Deposed);
        }
        while let Some(pid) = process::peek_dead_child() {
            let ended = process::reap(pid);
            if let Some(index) = self.by_pid.remove(&pid) {
                self.take_terminal_back(ended);
                self.run.write_off(index, ended, !was_silent, now);
            } else if !self.guard_ended(pid, now) {
                self.run.witness.see(now, &Event::ForeignReaped { pid });
            }
            self.guard_at = None;
        }
        // Those that were reaped before: what they left is for the other owner, too.
        let workers = self.run.workers().iter().enumerate();
        let reaped = workers
            .filter(|(_, one)| one.is_over().is_none() && !self.by_pid.contains_key(&one.pid()));
        let reaped: Vec<usize> = reaped.map(|(index, _)| index).collect();
        for index in reaped {
            self.run.write_off(index, None, false, now);
        }
    }
}
