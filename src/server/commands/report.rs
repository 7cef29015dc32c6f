//! `chinwag report`.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::operator;
use crate::auth::COMMAND_LINE;
use crate::chat::reports::settle_beside_servers;
use crate::domain::report::{ReportReason, ReportView, Resolution};
use crate::domain::{Error, ReportId, Result};
use crate::limits;
use crate::server::arguments;
use crate::server::database::Database;
use crate::store::Store;

/// Shows and settles the reports of members.
#[derive(Debug, Parser)]
#[command(name = "chinwag report", bin_name = "chinwag report", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the open reports, the oldest first, separated by tabs: id, time, reporter, sender, conversation, message, reason, text.
    List {
        /// Lists the settled reports instead, with the decision at the end.
        #[arg(long)]
        settled: bool,
    },

    /// Settles a report, and with it all other reports of the same message.
    Settle {
        /// The id of the report.
        id: String,

        /// Removes the message, as chinwag message remove does. Without it the message stays.
        #[arg(long)]
        remove: bool,
    },
}

/// Runs the command. Standard output has the result alone, for scripts.
pub fn run(arguments: &[OsString]) -> std::result::Result<(), String> {
    let Arguments { command, database } = arguments::read(arguments)?;
    operator::run(&database, async |store| match command {
        Command::List { settled } => list(&*store, settled).await,
        Command::Settle { id, remove } => settle(&*store, &id, remove).await,
    })
}

async fn list(store: &dyn Store, settled: bool) -> Result<()> {
    let mut after = None;
    loop {
        let reports = store.reports(settled, after, limits::PAGE_MAX).await?;
        for report in &reports {
            println!("{}", line(report));
        }
        let Some(last) = reports.last() else { return Ok(()) };
        after = Some(last.report.id);
    }
}

/// Returns a report as a line. Texts of users are quoted, so that none looks like another column or sends codes to the terminal.
fn line(view: &ReportView) -> String {
    let ReportView { report, reporter_username, sender_username } = view;
    let reason = report.reason.as_ref().map_or("", ReportReason::as_str);
    let settled = report.settled.map_or_else(String::new, |(at, resolution)| format!("\t{} {at}", resolution.as_str()));
    format!(
        "{}\t{}\t{reporter_username}\t{sender_username}\t{}\t{}\t{reason:?}\t{:?}{settled}",
        report.id, report.created_at, report.conversation_id, report.message_id, report.content
    )
}

async fn settle(store: &dyn Store, id: &str, remove: bool) -> Result<()> {
    let no_report = || Error::not_found("report");
    let found = store.report(ReportId::parse(id).ok_or_else(no_report)?).await?.ok_or_else(no_report)?;
    let resolution = if remove { Resolution::Removed } else { Resolution::Dismissed };
    settle_beside_servers(store, &found, resolution, COMMAND_LINE).await.map(drop)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::line;
    use crate::domain::report::{Report, ReportView, Resolution};
    use crate::domain::{ConversationId, MessageId, ReportId, Timestamp, UserId};

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn a_reported_text_stays_in_its_column() {
        let report = Report {
            id: ReportId::new(),
            reporter_id: UserId::new(),
            conversation_id: ConversationId::new(),
            message_id: MessageId::new(),
            sender_id: UserId::new(),
            content: "one\ttwo\nthree \u{1b}[2J".to_owned(),
            sent_at: Timestamp(0),
            reason: None,
            created_at: Timestamp(0),
            settled: Some((Timestamp(0), Resolution::Removed)),
        };
        let line = line(&ReportView { report, reporter_username: "ada".into(), sender_username: "eve".into() });
        assert_eq!(line.split('\t').count(), 9);
        assert!(line.contains(r#""one\ttwo\nthree \u{1b}[2J""#) && !line.contains('\n'), "{line}");
    }
}
