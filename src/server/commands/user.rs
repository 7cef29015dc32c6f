//! `chinwag user`.

use std::ffi::OsString;
use std::io::{BufRead, Read, stdin};
use std::net::Ipv4Addr;

use clap::{Parser, Subcommand};

use super::operator;
use crate::auth::{Audit, COMMAND_LINE, Passwords, random_code};
use crate::chat::accounts::search_accounts;
use crate::domain::account::{Account, AccountChange, Tombstone};
use crate::domain::password::Password;
use crate::domain::quotas::{Quotas, QuotasChange};
use crate::domain::user::{Name, User, Username};
use crate::domain::{Error, Result, Timestamp, UserId};
use crate::limits;
use crate::server::arguments;
use crate::server::database::Database;
use crate::store::Store;

/// Bytes read from standard input for a password: the longest password, and more, so that a longer one is refused and not cut.
const INPUT_BYTES_MAX: u64 = 4_096;

/// Administers users in the database. A running server acts on a change within 5 seconds.
#[derive(Debug, Parser)]
#[command(name = "chinwag user", bin_name = "chinwag user", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates a user, whoever may register. Prints a generated password, unless --password-stdin is given.
    Add {
        username: String,

        /// Display name [default: the username]
        #[arg(long)]
        name: Option<String>,

        /// Makes the user an admin.
        #[arg(long)]
        admin: bool,

        /// Reads the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
    },

    /// Lists all users: username, role, time of disabling, time of creation, name.
    List,

    /// Ends the user's sessions, closes their connections and refuses their logins. Messages and memberships stay.
    Disable { username: String },

    /// Lets a disabled user log in again, with the password from before.
    Enable { username: String },

    /// Gives the user a new password and ends their sessions. Prints a generated one, unless
    /// --password-stdin is given.
    ResetPassword {
        username: String,

        /// Reads the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
    },

    /// Deletes the user for ever: the names, the password and the sessions. A running server takes the user out of all groups. Messages
    /// stay, from a deleted user. Nobody gets the username again.
    Delete { username: String },

    /// Sets how many conversations the user may make. Beyond, the user gets an error until some are deleted, or until the next day.
    #[command(arg_required_else_help = true)]
    Quota {
        username: String,

        /// Conversations that the user has made and that exist [default of a user: 5000]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=limits::QUOTA_MAX), required_unless_present = "new_a_day")]
        conversations: Option<i64>,

        /// Conversations begun in a day of UTC in which nobody else has the user as a contact [default of a user: 200]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=limits::QUOTA_MAX))]
        new_a_day: Option<i64>,
    },

    /// Lets the user call the operations for admins. An admin reads no conversations of others.
    MakeAdmin { username: String },
}

/// Runs the command. Standard output has the result alone, for scripts.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let Arguments { command, database } = arguments::read(arguments)?;
    operator::run(&database, async |store| {
        let store = &*store;
        match command {
            Command::Add { username, name, admin, password_stdin } => {
                add(store, &username, name.as_deref(), admin, password_stdin).await
            }
            Command::List => list(store).await,
            Command::Disable { username } => {
                change(store, &username, AccountChange { disabled: Some(true), ..AccountChange::default() }).await
            }
            Command::Enable { username } => {
                change(store, &username, AccountChange { disabled: Some(false), ..AccountChange::default() }).await
            }
            Command::ResetPassword { username, password_stdin } => {
                reset_password(store, &username, password_stdin).await
            }
            Command::Delete { username } => delete(store, &username).await,
            Command::Quota { username, conversations, new_a_day } => {
                let quotas = QuotasChange { conversations, new_a_day };
                change(store, &username, AccountChange { quotas, ..AccountChange::default() }).await
            }
            Command::MakeAdmin { username } => {
                change(store, &username, AccountChange { is_admin: Some(true), ..AccountChange::default() }).await
            }
        }
    })
}

async fn add(store: &dyn Store, username: &str, name: Option<&str>, is_admin: bool, from_stdin: bool) -> Result<()> {
    let username = Username::parse_new(username)?;
    let name = Name::parse(name.unwrap_or(username.as_str()))?;
    let (password, generated) = new_password(&username, from_stdin)?;
    let hash = Passwords::new().await?.hash(Ipv4Addr::LOCALHOST.into(), password).await?;
    let user = User { id: UserId::new(), username, name, created_at: Timestamp::now(), last_seen_at: None };
    let account = Account { user, is_admin, disabled_at: None, quotas: Quotas::DEFAULT };
    store.insert_account(&account, &hash).await?;
    audit("account.created", &account, if is_admin { "is_admin: true" } else { "is_admin: false" });
    show(generated);
    Ok(())
}

async fn list(store: &dyn Store) -> Result<()> {
    let mut after = None;
    loop {
        let (accounts, next) = search_accounts(store, None, after.as_deref(), limits::PAGE_MAX).await?;
        for Account { user, is_admin, disabled_at, .. } in &accounts {
            let role = if *is_admin { "admin" } else { "user" };
            let disabled = disabled_at.map_or_else(|| "enabled".to_owned(), |at| format!("disabled {at}"));
            println!("{}\t{role}\t{disabled}\t{}\t{}", user.username.as_str(), user.created_at, user.name.as_str());
        }
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

async fn reset_password(store: &dyn Store, username: &str, from_stdin: bool) -> Result<()> {
    let (password, generated) = new_password(&Username::parse(username)?, from_stdin)?;
    let password_hash = Some(Passwords::new().await?.hash(Ipv4Addr::LOCALHOST.into(), password).await?);
    change(store, username, AccountChange { password_hash, ..AccountChange::default() }).await?;
    show(generated);
    Ok(())
}

/// Returns the account with this username, in any case of its letters.
async fn find(store: &dyn Store, username: &str) -> Result<Account> {
    let account = store.account_of(&Username::parse(username)?.key()).await?;
    account.ok_or_else(|| Error::not_found("user"))
}

async fn delete(store: &dyn Store, username: &str) -> Result<()> {
    let account = find(store, username).await?;
    let deleted = store.delete_user(account.user.id, &Tombstone::new(), Timestamp::now()).await?;
    deleted.ok_or_else(|| Error::not_found("user"))?;
    audit("account.deleted", &account, "");
    Ok(())
}

async fn change(store: &dyn Store, username: &str, change: AccountChange) -> Result<()> {
    let id = find(store, username).await?.user.id;
    let changed = store.change_account(id, &change, Timestamp::now()).await?;
    let (account, _) = changed.ok_or_else(|| Error::not_found("user"))?;
    audit("account.changed", &account, &change.description());
    Ok(())
}

fn audit(action: &'static str, account: &Account, detail: &str) {
    let (user_id, username) = (Some(account.user.id), Some(account.user.username.as_str()));
    let actor = Some(COMMAND_LINE);
    Audit {
        action,
        user_id,
        username,
        actor,
        detail: Some(detail).filter(|detail| !detail.is_empty()),
        ..Audit::default()
    }
    .log();
}

/// Returns a password from standard input, or a generated one, which is to be shown.
fn new_password(username: &Username, from_stdin: bool) -> Result<(Password, Option<String>)> {
    if !from_stdin {
        let generated = random_code()?;
        return Ok((Password::new(&generated, Some(username))?, Some(generated)));
    }
    let mut line = String::new();
    let read = stdin().lock().take(INPUT_BYTES_MAX).read_line(&mut line);
    read.map_err(|error| Error::field("password", format!("cannot be read from standard input: {error}")))?;
    Ok((Password::new(line.trim_end_matches(['\r', '\n']), Some(username))?, None))
}

fn show(generated: Option<String>) {
    if let Some(password) = generated {
        println!("{password}");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
