//! Signals that somebody asks for, beside the ladder: each is carried out once, and answered.

use super::Run;
use crate::contract::control::Signalling;
use crate::contract::record::Answer;
use crate::words::moment::Moment;

/// How many answers are kept: whoever asked reads them at once.
const KEPT: usize = 16;

impl Run<'_> {
    /// Sends a signal to the main processes that are meant, if somebody still waits for that.
    pub(super) fn send_signal(&mut self, asked: Signalling, now: Moment) {
        let Signalling { worker, signal, .. } = asked;
        let is_known = self.files.run.answers.iter().any(|one| one.id == asked.id);
        if is_known || !self.files.owner.is_ours() {
            return;
        }
        let mut sent = 0;
        if now <= asked.until {
            self.on_each(now, |one, turn| {
                if worker.is_none_or(|number| number == one.number()) && one.forward(signal, turn) {
                    sent += 1;
                }
            });
        }
        let answers = &mut self.files.run.answers;
        answers.push(Answer { id: asked.id, sent });
        let old = answers.len().saturating_sub(KEPT);
        answers.drain(..old);
        self.files.record.set_run(&self.files.run);
    }
}
