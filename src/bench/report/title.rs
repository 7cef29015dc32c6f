//! The first line of a report: the scenario and its parameters.

use super::numbers::{counted, grouped};
use crate::bench::options::{Load, Scenario};

/// Describes the scenario and its parameters in a sentence.
pub(in crate::bench) fn title(scenario: &Scenario) -> String {
    match scenario {
        Scenario::Fanout(options) => format!(
            "one room of {}, {}, {}",
            counted(options.members.get(), "member"),
            counted(options.publishers.get(), "publisher"),
            describe_load(&options.load)
        ),
        Scenario::Pairs(options) => {
            let users = options.users.map(|users| format!(", shared by {} on /ws", counted(users.get(), "user")));
            format!(
                "{} of two{}, {}, {}",
                counted(options.conversations.get(), "conversation"),
                users.unwrap_or_default(),
                if options.one_way { "the first sends" } else { "all send" },
                describe_load(&options.load)
            )
        }
        Scenario::Rooms(options) => format!(
            "{} of {} drawn from {} on /ws, {}, {}",
            counted(options.rooms.get(), "room"),
            counted(options.members.get(), "member"),
            counted(options.users.get(), "user"),
            counted(options.publishers.get(), "publisher"),
            describe_load(&options.load)
        ),
        Scenario::Crowd(options) => format!(
            "one group of {}, each with {}; {} one after another",
            counted(options.members.get(), "member"),
            counted(options.connections.get(), "connection"),
            counted(options.messages.get(), "message")
        ),
        Scenario::Listen(options) => format!("listening on {}", options.address),
        Scenario::Edits(options) => format!(
            "{} of two, {}, each with {} under way (closed loop), beside a bystander's {} messages/s (open loop)",
            counted(options.conversations.get(), "conversation"),
            counted(options.editors(), "editor"),
            options.window,
            grouped(options.rate.get().into(), 0)
        ),
        Scenario::Reactions(options) => {
            format!("one room of {}, who all react to one message at once", counted(options.members.get(), "member"))
        }
        Scenario::Idle(options) => format!(
            "{} in rooms of {}, idle and after a burst",
            counted(options.connections.get(), "connection"),
            options.room
        ),
        Scenario::Connect(options) => {
            format!("connections to /ws/{{id}}, {} at a time, until {} are open", options.at_once, options.connections)
        }
        Scenario::History(options) => format!(
            "pages of {} from a conversation of {}, over {}",
            options.limit,
            counted(options.messages.get(), "message"),
            counted(options.connections.get(), "connection")
        ),
        Scenario::Login(options) => {
            let beside = options.beside.map(|rate| format!(", beside {} messages/s", grouped(rate.get().into(), 0)));
            format!("logins, {} at a time{}", options.at_once, beside.unwrap_or_default())
        }
    }
}

fn describe_load(load: &Load) -> String {
    match load.rate {
        Some(rate) => format!("{} messages/s in all (open loop)", grouped(rate.get().into(), 0)),
        None => format!("each with {} under way (closed loop)", load.window),
    }
}
