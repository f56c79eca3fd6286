//! What can be typed behind `stopctl notify`.

use std::ffi::OsString;

use clap::{ArgGroup, Args, ValueHint};

#[derive(Debug, Args)]
#[command(
    override_usage = "stopctl notify [--run NAME [--worker WORKER]... [--user USER]] [--ready] [--stopping] \
                      [--extend DURATION] [--status TEXT]",
    after_help = "Exit status: 0 it was heard; 1 nobody heard it, or there was nothing to extend; \
                        2 bad usage; 3 no such run; 125 if stopctl itself failed. \
                        See stopctl-notify(1)."
)]
#[command(group = ArgGroup::new("said").required(true).multiple(true).args(["ready", "status", "extend", "stopping"]))]
pub(crate) struct NotifyArgs {
    /// What was to be set up is
    #[arg(long)]
    pub(crate) ready: bool,

    /// What the worker does, in words; empty takes back the last one
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other, allow_hyphen_values = true)]
    pub(crate) status: Option<String>,

    /// At least this much time from now to SIGTERM, once a stop was asked for
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) extend: Option<String>,

    /// The flag was seen, and the worker stops
    #[arg(long)]
    pub(crate) stopping: bool,

    /// Give more time to the workers of this run, from outside
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other, requires = "extend", conflicts_with_all = ["ready", "status", "stopping"])]
    pub(crate) run: Option<OsString>,

    /// To this worker only, by its number; may be given more than once
    #[arg(
        short,
        long = "worker",
        value_name = "WORKER",
        requires = "run",
        allow_negative_numbers = true
    )]
    pub(crate) workers: Vec<String>,

    /// Act as this user, by name or number, on the run of that user; for root
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username, requires = "run")]
    pub(crate) user: Option<OsString>,
}
