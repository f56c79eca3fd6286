//! Using a rung: what is done to the processes of a worker once its flag shows the rung.

use super::body::Body;
use super::stop::Stop;
use crate::contract::record::SignalTo;
use crate::decide::ladder::Rung;
use crate::enforce::turn::Turn;

/// Sends what belongs to a rung.
pub(super) fn use_rung(rung: Rung, stop: &mut Stop, body: &mut Body, turn: &mut Turn<'_>) {
    stop.spare_nobody();
    match rung {
        Rung::Flag => {
            body.thaw();
            body.let_it_look(turn);
        }
        Rung::Term => {
            body.thaw();
            if body.has_main() {
                body.tell_if_ignored(turn);
                body.remember(stop.is_asked(), turn.search);
                body.send_stop_signal(turn);
                if turn.rules.signal_to == SignalTo::First {
                    stop.spare_the_rest(turn.now);
                }
            } else if turn.rules.signals_rest() {
                body.signal_rest(turn.rules.stop_signal, turn);
            }
        }
        Rung::Kill => body.kill(turn),
    }
}

/// Goes on from SIGTERM, which an earlier owner has sent.
pub(super) fn go_on_from_term(stop: &mut Stop, body: &mut Body, turn: &mut Turn<'_>) {
    // The owner may have died while the run was suspended: as long as the worker is stopped, it can do
    // nothing about its signal.
    body.let_it_go_on(turn);
    match turn.rules.signal_to {
        SignalTo::First if body.has_main() => stop.spare_the_rest(turn.now),
        SignalTo::Group => body.mark_all_signalled(turn),
        SignalTo::First | SignalTo::Main => {}
    }
}
