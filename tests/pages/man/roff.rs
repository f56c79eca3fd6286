//! The generated parts of a man page: the declaration of the command line as roff.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// Text as roff takes it: hyphens and quotes stay what can be typed.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
}

/// The usage line: the command in bold, what stands for something else in italics.
pub(crate) fn synopsis(command: &mut Command, name: &str) -> String {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let rest = usage
        .strip_prefix(name)
        .unwrap_or_else(|| panic!("usage of {name}: {usage}"));
    let mut roff = format!("\\fB{}\\fR", escape(name));
    for word in rest.split_whitespace() {
        let bare: String = word.chars().filter(char::is_ascii_uppercase).collect();
        let word = escape(&word.replace(['<', '>'], ""));
        let word = if bare.is_empty() {
            word
        } else {
            word.replace(&bare, &format!("\\fI{bare}\\fR"))
        };
        let _ = write!(roff, " {word}");
    }
    roff + "\n"
}

/// One paragraph for each argument and option, grouped as `--help` groups them.
pub(crate) fn options(command: &Command) -> String {
    let mut roff = String::new();
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .collect();
    let (plain, grouped): (Vec<&Arg>, Vec<&Arg>) = shown
        .into_iter()
        .partition(|arg| arg.get_help_heading().is_none());
    let (positional, named): (Vec<&Arg>, Vec<&Arg>) =
        plain.into_iter().partition(|arg| arg.is_positional());
    for arg in positional.into_iter().chain(named) {
        roff += &paragraph(arg);
    }
    let mut headings: Vec<&str> = Vec::new();
    for heading in grouped.iter().filter_map(|arg| arg.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = writeln!(roff, ".SS {}", escape(heading));
        for arg in &grouped {
            if arg.get_help_heading() == Some(heading) {
                roff += &paragraph(arg);
            }
        }
    }
    roff
}

/// One paragraph for each command, with the page that describes it.
pub(crate) fn commands(root: &Command) -> String {
    let mut roff = String::new();
    for command in root.get_subcommands() {
        let name = escape(command.get_name());
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let aliases: Vec<String> = command.get_visible_aliases().map(bold).collect();
        let aliases = if aliases.is_empty() {
            String::new()
        } else {
            format!("; also {}", aliases.join(" and "))
        };
        let about = escape(&about);
        let _ = writeln!(roff, ".TP\n.BR stopctl\\-{name} (1)\n{about}{aliases}.");
    }
    roff
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

fn paragraph(arg: &Arg) -> String {
    let mut names = Vec::new();
    if let Some(short) = arg.get_short() {
        names.push(format!("\\fB\\-{short}\\fR"));
    }
    if let Some(long) = arg.get_long() {
        names.push(format!("\\fB\\-\\-{}\\fR", escape(long)));
    }
    let mut head = names.join(", ");
    let takes_value = arg.get_action().takes_values();
    if takes_value {
        let value = arg.get_value_names().unwrap_or_default().join(" ");
        let space = if head.is_empty() { "" } else { " " };
        let _ = write!(head, "{space}\\fI{}\\fR", escape(&value));
    }
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    for value in arg.get_default_values() {
        if takes_value {
            let _ = write!(text, " [default: {}]", value.to_string_lossy());
        }
    }
    if takes_value && !arg.get_possible_values().is_empty() {
        let values = arg.get_possible_values();
        let values: Vec<&str> = values
            .iter()
            .map(clap::builder::PossibleValue::get_name)
            .collect();
        let _ = write!(text, " [one of: {}]", values.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, " [environment: {}]", variable.to_string_lossy());
    }
    format!(".TP\n{head}\n{}.\n", escape(&text))
}
