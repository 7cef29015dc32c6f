//! Reads the arguments of a command, and the environment variables that stand for them.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Parser};

/// Reads the arguments of a command (the first is its name) and the environment. An error is one line. For `--help` and `--version` it
/// prints the text and ends the process.
pub fn read<P: Parser>(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<P, String> {
    let mut command = without_empty_variables(P::command());
    let matches = command.try_get_matches_from_mut(arguments);
    matches.and_then(|matches| P::from_arg_matches(&matches)).map_err(|error| {
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        one_line(&command, &error)
    })
}

/// Returns the names of the environment variables that begin like chinwag's and that the command does not know, sorted. They may be misspelt,
/// or another program's: Kubernetes sets `CHINWAG_PORT` if a service is called chinwag.
pub fn unknown_variables<P: CommandFactory>() -> Vec<String> {
    let command = P::command();
    let known: Vec<&OsStr> = command.get_arguments().filter_map(Arg::get_env).collect();
    let variables = env::vars_os().map(|(name, _)| name).filter(|name| !known.contains(&name.as_os_str()));
    let names = variables.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("CHINWAG_")).collect();
    names.sort_unstable();
    names
}

/// Makes an empty variable the same as an unset one. Files that set variables often have lines such as `DATABASE_URL=`.
fn without_empty_variables(command: Command) -> Command {
    let without = |argument: Arg| {
        let value = argument.get_env().and_then(env::var_os);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None) } else { argument }
    };
    command.mut_args(without).mut_subcommands(without_empty_variables)
}

/// Returns a parser error as one line that names the variable and its flag.
fn one_line(command: &Command, error: &clap::Error) -> String {
    let text = error.to_string();
    let first_part: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let reason = first_part.join(" ");
    let reason = reason.trim_start_matches("error: ");
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.split(' ').next().unwrap_or_default(),
        _ => "",
    };
    match argument_of(command, flag).and_then(Arg::get_env) {
        Some(variable) => format!("{} ({flag}): {reason}", variable.to_string_lossy()),
        None => format!("{reason} (--help explains the flags)"),
    }
}

/// Returns the argument with this flag, of the command or of one of its subcommands.
fn argument_of<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    let name = flag.strip_prefix("--")?;
    let own = command.get_arguments().find(|argument| argument.get_long() == Some(name));
    own.or_else(|| command.get_subcommands().find_map(|command| argument_of(command, flag)))
}
