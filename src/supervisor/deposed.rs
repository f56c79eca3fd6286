//! What a supervisor does that was silent so long that somebody took over: it reaps its children
//! and nothing else. Whoever took over asks them, signals them, and removes the names.

use super::Supervisor;
use crate::event::Event;
use crate::moment::Moment;
use crate::process;

impl Supervisor<'_> {
    pub(super) fn only_reap(&mut self, now: Moment) {
        self.unstarted = 0;
        self.timeout = None;
        self.guard_at = None;
        // Nobody gives more time to who speaks to us.
        self.hearing = None;
        // Asked or not: it has been heard.
        let _ = self.signals.take();
        // Its workers are another's, so it is suspended alone.
        self.signals.suspend().obey();
        if self.run.depose() {
            self.run.witness.see(now, &Event::Deposed);
        }
        while let Some(pid) = process::peek_dead_child() {
            let ended = process::reap(pid);
            if let Some(index) = self.by_pid.remove(&pid) {
                self.take_terminal_back(ended);
                self.run.write_off(index, ended, now);
            } else if !self.guard_ended(pid, now) {
                self.run.witness.see(now, &Event::ForeignReaped { pid });
            }
            self.guard_at = None;
        }
    }
}
