//! What can be typed behind `stopctl unit`.

use std::ffi::OsString;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
#[command(
    override_usage = "stopctl unit NAME [OPTIONS] [--] COMMAND [ARG]...",
    after_help = "The options are those of stopctl run. Exit status: 0 printed; 2 bad usage; 125 if \
                        stopctl itself failed. See stopctl-unit(1)."
)]
pub(crate) struct UnitArgs {
    /// Name of the unit, and of the run
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: OsString,

    /// Options of stopctl run, the command, and its arguments as they are
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub(crate) words: Vec<OsString>,
}
