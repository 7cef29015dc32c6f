//! Reactions: those to one message in a batch have one number, and the counts beside a message are those of its rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chinwag::domain::command::{Action, Command, Outcome};
use chinwag::domain::emoji::Emoji;
use chinwag::domain::event::{EventKind, Payload};
use chinwag::domain::message::Message;
use chinwag::domain::reactions::Reactions;
use chinwag::domain::{Code, ConversationId, Result, Seq, UserId};
use chinwag::limits::{BATCH_ROWS_MAX, REACTION_KINDS_ALONE_MAX, REACTION_KINDS_MAX};
use chinwag::store::Store;
use serde_json::{Value, json};

use super::shims::ApplyOne;
use super::{Fixture, lane, refused};
use crate::support::rng::FaultRun;

distributed_conformance!(
    a_reaction_is_an_event_without_its_message,
    reactions_to_a_message_in_a_batch_have_one_number,
    reactions_to_several_messages_are_numbered_one_after_the_other,
    each_reaction_of_a_batch_is_refused_for_itself,
    the_kinds_that_one_member_has_alone_are_bounded,
    what_another_removes_in_the_batch_counts_for_the_bound,
    a_kind_is_removed_with_all_its_reactions,
    counts_are_those_of_the_rows,
    reactions_change_neither_order_nor_unread_counts,
    a_deletion_hides_reactions_and_leaves_them_to_the_sweeper,
    an_edit_leaves_reactions_as_they_are,
    a_deleted_conversation_takes_its_reactions_along,
    reactors_are_listed_in_pages,
    ten_thousand_reactions_to_a_message_are_ten_events,
);

const THUMB: &str = "\u{1F44D}";
const HEART: &str = "\u{2764}\u{FE0F}";

fn emoji(text: &str) -> Emoji {
    Emoji::parse(text).unwrap()
}

fn react(store: &Fixture, message: &Message, actor_id: UserId, text: &str, is_added: bool) -> Command {
    let action = Action::React { message_id: message.id, emoji: emoji(text), is_added };
    store.change_of(message.conversation_id, actor_id, action)
}

async fn apply(store: &Fixture, batch: &[Command]) -> Vec<Result<Outcome>> {
    store.apply(lane(&*store.store, batch[0].conversation_id), batch.into()).await.unwrap()
}

/// Returns the number and the fields of the event.
#[track_caller]
fn changed(outcome: &Result<Outcome>) -> (Seq, Value) {
    let Ok(Outcome::Committed(event)) = outcome else { panic!("expected an event, not {outcome:?}") };
    assert_eq!((&event.kind, &event.message), (&EventKind::ReactionsChanged, &None));
    let payload = event.payload.as_ref().map(Payload::as_str).unwrap();
    (event.seq, serde_json::from_str(payload).unwrap())
}

async fn counts(store: &Fixture, message: &Message) -> String {
    let stored = store.message_by_id(message.conversation_id, message.id).await.unwrap().unwrap();
    stored.reactions.stored().unwrap_or_default()
}

async fn reactors(store: &dyn Store, message: &Message) -> Vec<(Emoji, UserId)> {
    let rows = store.reactors(message.conversation_id, message.seq, None, None, 100_000).await.unwrap();
    rows.into_iter().map(|(emoji, user)| (emoji, user.id)).collect()
}

/// A group with messages of its owner.
async fn room<const MEMBERS: usize>(store: &Fixture) -> (ConversationId, [UserId; MEMBERS], Vec<Message>) {
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(store.register(&format!("user{number}")).await);
    }
    let id = store.group("Lunch", members[0], &members[1..]).await;
    let mut messages = Vec::new();
    for text in ["one", "two"] {
        messages.push(store.send(id, members[0], text).await);
    }
    (id, members.try_into().unwrap(), messages)
}

async fn a_reaction_is_an_event_without_its_message(store: &Fixture) {
    let (id, [ada, bob], messages) = room::<2>(store).await;
    let message = &messages[0];
    let outcomes = apply(store, &[react(store, message, bob, "\u{2764}", true)]).await;
    let (seq, fields) = changed(&outcomes[0]);
    let expected = json!({
        "message_id": message.id, "reactions": [{"emoji": HEART, "count": 1}],
        "changes": [{"user_id": bob, "emoji": HEART, "added": true}],
    });
    assert_eq!((seq, &fields), (3, &expected), "in its normal form");
    assert_eq!(apply(store, &[react(store, message, bob, HEART, true)]).await, [Ok(Outcome::NoChange)], "again");
    assert_eq!(apply(store, &[react(store, message, ada, HEART, false)]).await, [Ok(Outcome::NoChange)]);
    let (seq, fields) = changed(&apply(store, &[react(store, message, bob, HEART, false)]).await[0]);
    assert_eq!((seq, &fields["reactions"], &fields["changes"][0]["added"]), (4, &json!([]), &json!(false)));
    assert_eq!(store.head(id).await.unwrap(), Some(4), "what changes nothing takes no number");
    let replayed: Vec<_> = store.events(id, 2, 10).await.unwrap();
    assert_eq!(replayed.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(changed(&Ok(Outcome::Committed(replayed[0].clone()))).1, expected, "a replay has the same fields");
}

async fn reactions_to_a_message_in_a_batch_have_one_number(store: &Fixture) {
    let (id, members, messages) = room::<5>(store).await;
    let mut batch: Vec<Command> =
        members.iter().map(|member| react(store, &messages[0], *member, THUMB, true)).collect();
    batch.push(react(store, &messages[0], members[0], HEART, true));
    batch.push(react(store, &messages[0], members[1], THUMB, false));
    let outcomes = apply(store, &batch).await;
    let (seq, fields) = changed(&outcomes[0]);
    assert_eq!((seq, &fields["reactions"]), (3, &json!([{"emoji": THUMB, "count": 4}, {"emoji": HEART, "count": 1}])));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == Ok(Outcome::Merged)), "{outcomes:?}");
    assert_eq!(fields["changes"].as_array().unwrap().len(), 5);
    assert_eq!(counts(store, &messages[0]).await, format!("{THUMB} 4 {HEART} 1"));
    assert_eq!(store.head(id).await.unwrap(), Some(3));
}

async fn reactions_to_several_messages_are_numbered_one_after_the_other(store: &Fixture) {
    let (id, [ada, bob, cat], messages) = room::<3>(store).await;
    let other = store.group("Supper", ada, &[bob]).await;
    let others = [store.send(other, ada, "x").await];
    let batch = [
        react(store, &messages[0], ada, THUMB, true),
        react(store, &others[0], ada, THUMB, true),
        react(store, &messages[1], ada, THUMB, true),
        react(store, &messages[0], bob, THUMB, true),
        react(store, &messages[1], cat, HEART, true),
    ];
    let outcomes = apply(store, &batch).await;
    let seqs: Vec<Option<Seq>> =
        outcomes.iter().map(|outcome| outcome.as_ref().unwrap().event().map(|event| event.seq)).collect();
    assert_eq!(seqs, [Some(3), Some(2), Some(4), None, None]);
    assert_eq!((store.head(id).await.unwrap(), store.head(other).await.unwrap()), (Some(4), Some(2)));
    assert_eq!(store.send(id, bob, "next").await.seq, 5);
    let events = store.events(id, 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

async fn each_reaction_of_a_batch_is_refused_for_itself(store: &Fixture) {
    let (id, [ada, bob], messages) = room::<2>(store).await;
    let stranger = store.register("eve").await;
    let unknown = Message { id: chinwag::domain::MessageId::new(), ..messages[0].clone() };
    let nowhere = Message { conversation_id: ConversationId::new(), ..messages[0].clone() };
    let batch = [
        react(store, &messages[0], stranger, THUMB, true),
        react(store, &unknown, ada, THUMB, true),
        react(store, &nowhere, ada, THUMB, true),
        react(store, &messages[0], ada, THUMB, true),
        react(store, &nowhere, bob, THUMB, true),
        react(store, &messages[0], bob, THUMB, true),
    ];
    let mut outcomes = apply(store, &batch).await;
    assert_eq!(outcomes.pop(), Some(Ok(Outcome::Merged)));
    assert_eq!(refused(outcomes.pop().unwrap()), Code::NotFound);
    assert_eq!(changed(&outcomes.pop().unwrap()).0, 3);
    for outcome in outcomes {
        assert_eq!(refused(outcome), Code::NotFound);
    }
    assert_eq!((counts(store, &messages[0]).await, store.head(id).await.unwrap()), (format!("{THUMB} 2"), Some(3)));
}

async fn the_kinds_that_one_member_has_alone_are_bounded(store: &Fixture) {
    let (_, [ada, bob], messages) = room::<2>(store).await;
    let faces: Vec<String> =
        (0x1F600..).filter_map(char::from_u32).map(String::from).take(REACTION_KINDS_ALONE_MAX + 1).collect();
    let (few, new) = faces.split_at(REACTION_KINDS_ALONE_MAX);
    let ada_reacts = async |message, face: &String, is_added| {
        apply(store, &[react(store, message, ada, face, is_added)]).await.remove(0)
    };
    for face in few {
        changed(&ada_reacts(&messages[0], face, true).await);
    }
    assert_eq!(super::refused_field(ada_reacts(&messages[0], &new[0], true).await), "emoji");
    changed(&ada_reacts(&messages[1], &new[0], true).await);
    changed(&apply(store, &[react(store, &messages[0], bob, &few[1], true)]).await[0]);
    changed(&ada_reacts(&messages[0], &new[0], true).await);
    changed(&ada_reacts(&messages[0], &few[1], false).await);
    changed(&ada_reacts(&messages[0], &few[1], true).await);
}

async fn what_another_removes_in_the_batch_counts_for_the_bound(store: &Fixture) {
    let (_, [ada, bob], messages) = room::<2>(store).await;
    let faces: Vec<String> =
        (0x1F600..).filter_map(char::from_u32).map(String::from).take(REACTION_KINDS_ALONE_MAX + 1).collect();
    let (few, [new]) = faces.split_at(REACTION_KINDS_ALONE_MAX) else { panic!("one more") };
    for face in few {
        for user in [ada, bob] {
            changed(&apply(store, &[react(store, &messages[0], user, face, true)]).await[0]);
        }
    }
    // Bob leaves all of his to Ada, who brings one more.
    let removals = few.iter().map(|face| react(store, &messages[0], bob, face, false));
    let batch: Vec<Command> = removals.chain([react(store, &messages[0], ada, new, true)]).collect();
    assert_eq!(super::refused_field(apply(store, &batch).await.remove(few.len())), "emoji");
    // Bob brings it, and takes it away before Ada adds it.
    changed(&apply(store, &[react(store, &messages[0], bob, new, true)]).await[0]);
    let swap = [react(store, &messages[0], bob, new, false), react(store, &messages[0], ada, new, true)];
    assert_eq!(super::refused_field(apply(store, &swap).await.remove(1)), "emoji");
    let own: Vec<String> = few.iter().map(|face| format!("{face} 1")).collect();
    assert_eq!(counts(store, &messages[0]).await, own.join(" "));
}

async fn a_kind_is_removed_with_all_its_reactions(store: &Fixture) {
    let (id, members, messages) = room::<6>(store).await;
    for message in &messages {
        let mut batch: Vec<Command> =
            members.iter().map(|member| react(store, message, *member, THUMB, true)).collect();
        batch.push(react(store, message, members[1], HEART, true));
        apply(store, &batch).await;
    }
    let clear = || Action::ClearReactions { message_id: messages[0].id, emoji: emoji(THUMB) };
    assert_eq!(refused(store.alter(id, members[1], clear()).await), Code::Forbidden);
    let (_, fields) = changed(&store.alter(id, members[0], clear()).await);
    assert_eq!(fields, json!({"message_id": messages[0].id, "reactions": [{"emoji": HEART, "count": 1}]}));
    assert_eq!(store.alter(id, members[0], clear()).await, Ok(Outcome::NoChange));
    assert_eq!(reactors(&*store.store, &messages[0]).await, [(emoji(HEART), members[1])]);
    assert_eq!(reactors(&*store.store, &messages[1]).await.len(), 7, "those to other messages stay");
    let (_, fields) = changed(&apply(store, &[react(store, &messages[0], members[2], THUMB, true)]).await[0]);
    assert_eq!(fields["reactions"][1], json!({"emoji": THUMB, "count": 1}));
}

async fn counts_are_those_of_the_rows(store: &Fixture) {
    const TASKS: usize = 4;
    const ROUNDS: usize = 25;
    let (id, members, messages) = room::<6>(store).await;
    let adapters = [store.store.clone(), store.another().await];
    let run = FaultRun::new("reactions");
    let mut rng = run.rng();
    let kinds = [THUMB, HEART, "\u{1F389}"];
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let adapter = Arc::clone(&adapters[task % adapters.len()]);
            let mut index = |length: u64| usize::try_from(rng.in_range(0..length)).unwrap();
            let batches: Vec<Vec<Command>> = (0..ROUNDS)
                .map(|_| {
                    (0..8)
                        .map(|_| {
                            let (message, member) = (&messages[index(2)], members[index(6)]);
                            react(store, message, member, kinds[index(3)], index(2) > 0)
                        })
                        .collect()
                })
                .collect();
            tokio::spawn(async move {
                for batch in batches {
                    for outcome in adapter.apply(lane(&*adapter, id), batch.into()).await.unwrap() {
                        outcome.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let events = store.events(id, 0, 10_000).await.unwrap();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "without a gap");
    for message in &messages {
        let mut expected: BTreeMap<Emoji, u64> = BTreeMap::new();
        for (emoji, _) in reactors(&*store.store, message).await {
            *expected.entry(emoji).or_default() += 1;
        }
        let stored = store.message_by_id(id, message.id).await.unwrap().unwrap().reactions;
        let counted: BTreeMap<Emoji, u64> =
            stored.counts().iter().map(|kind| (kind.emoji.clone(), kind.count)).collect();
        assert_eq!(counted, expected);
        let newest = events.iter().rev().find_map(|event| {
            let fields: Value = serde_json::from_str(event.payload.as_ref()?.as_str()).unwrap();
            (fields["message_id"] == json!(message.id)).then_some(fields)
        });
        let told = newest.unwrap()["reactions"].as_array().unwrap().clone();
        let told = told.iter().map(|kind| (emoji(kind["emoji"].as_str().unwrap()), kind["count"].as_u64().unwrap()));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), expected, "the newest event has the same counts");
    }
}

async fn reactions_change_neither_order_nor_unread_counts(store: &Fixture) {
    let (old, [ada, bob], messages) = room::<2>(store).await;
    let new = store.group("Supper", ada, &[bob]).await;
    store.send(new, ada, "now").await;
    let views = async || {
        let views = store.conversation_views(bob, None, 9).await.unwrap();
        views.iter().map(|view| (view.conversation.id, view.unread_count)).collect::<Vec<_>>()
    };
    let before = views().await;
    assert_eq!(before, [(new, 1), (old, 2)]);
    changed(&apply(store, &[react(store, &messages[0], ada, THUMB, true)]).await[0]);
    changed(&apply(store, &[react(store, &messages[0], bob, THUMB, true)]).await[0]);
    assert_eq!(views().await, before);
    assert_eq!(store.receipts(old, bob).await, (0, 0), "who reacts has not read what came since");
}

async fn a_deletion_hides_reactions_and_leaves_them_to_the_sweeper(store: &Fixture) {
    let (id, members, messages) = room::<6>(store).await;
    let batch: Vec<Command> = members.iter().map(|member| react(store, &messages[0], *member, THUMB, true)).collect();
    apply(store, &batch).await;
    apply(store, &[react(store, &messages[1], members[1], HEART, true)]).await;
    assert!(!store.sweep_reactions(100).await.unwrap(), "nothing was deleted");
    let deletion = Action::DeleteMessage { message_id: messages[0].id };
    let Ok(Outcome::Committed(event)) = store.alter(id, members[0], deletion).await else { panic!("it is deleted") };
    assert_eq!(event.message.unwrap().reactions, Reactions::default());
    assert_eq!(counts(store, &messages[0]).await, "");
    let replayed = store.events(id, 0, 1).await.unwrap().remove(0).message.unwrap();
    assert_eq!(replayed.reactions, Reactions::default(), "a replay of the message has none");
    let again = apply(store, &[react(store, &messages[0], members[0], THUMB, false)]).await.remove(0);
    assert_eq!(refused(again), Code::NotFound);

    let mut steps = 0;
    while store.sweep_reactions(4).await.unwrap() {
        steps += 1;
    }
    assert_eq!((steps, reactors(&*store.store, &messages[0]).await), (2, vec![]));
    assert_eq!(reactors(&*store.store, &messages[1]).await.len(), 1, "those to other messages stay");
}

async fn an_edit_leaves_reactions_as_they_are(store: &Fixture) {
    let (id, [ada, bob], messages) = room::<2>(store).await;
    apply(store, &[react(store, &messages[0], bob, THUMB, true)]).await;
    let content = chinwag::domain::message::Content::parse("uno".to_owned()).unwrap();
    let edit = Action::EditMessage { message_id: messages[0].id, content };
    let Ok(Outcome::Committed(event)) = store.alter(id, ada, edit).await else { panic!("it is edited") };
    let edited = event.message.unwrap();
    assert_eq!(edited.reactions.stored().unwrap(), format!("{THUMB} 1"));
    assert_eq!(store.message(id, edited.id).await.unwrap(), Some(edited));
}

async fn a_deleted_conversation_takes_its_reactions_along(store: &Fixture) {
    let (id, members, messages) = room::<6>(store).await;
    let batch: Vec<Command> = members.iter().map(|member| react(store, &messages[0], *member, THUMB, true)).collect();
    apply(store, &batch).await;
    store.delete_conversation(id, members[0]).await.unwrap();
    assert_eq!(refused(apply(store, &batch[..1]).await.remove(0)), Code::NotFound);
    while store.sweep_deleted(4).await.unwrap() {}
    assert_eq!(reactors(&*store.store, &messages[0]).await, []);
}

async fn reactors_are_listed_in_pages(store: &Fixture) {
    let (id, members, messages) = room::<5>(store).await;
    let message = &messages[0];
    let mut batch: Vec<Command> = members.iter().map(|member| react(store, message, *member, THUMB, true)).collect();
    batch.extend(members[..2].iter().map(|member| react(store, message, *member, HEART, true)));
    apply(store, &batch).await;
    let mut expected: Vec<(Emoji, UserId)> = members[..2].iter().map(|member| (emoji(HEART), *member)).collect();
    expected.extend(members.iter().map(|member| (emoji(THUMB), *member)));
    assert_eq!(reactors(&*store.store, message).await, expected, "by emoji and user, in bytes");
    for only in [None, Some(emoji(THUMB)), Some(emoji("\u{1F389}"))] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.reactors(id, message.seq, only.as_ref(), after.as_ref(), 2).await.unwrap();
            listed.extend(page.iter().map(|(emoji, user)| (emoji.clone(), user.id)));
            match page.last() {
                Some((emoji, user)) => after = Some((emoji.clone(), user.id)),
                None => break,
            }
        }
        let is_listed = |(emoji, _): &&(Emoji, UserId)| only.as_ref().is_none_or(|only| only == emoji);
        assert_eq!(listed, expected.iter().filter(is_listed).cloned().collect::<Vec<_>>());
    }
    let kinds = [(message.seq, emoji(HEART)), (message.seq, emoji(THUMB)), (messages[1].seq, emoji(THUMB))];
    let own = async |user_id| {
        let mut own = store.own_reactions(user_id, id, &kinds).await.unwrap();
        own.sort_unstable();
        own
    };
    assert_eq!(own(members[1]).await, kinds[..2]);
    assert_eq!(own(members[4]).await, kinds[1..2]);
    assert_eq!(own(UserId::new()).await, []);
}

async fn ten_thousand_reactions_to_a_message_are_ten_events(store: &Fixture) {
    const MEMBERS: usize = 500;
    let (id, members, messages) = room::<MEMBERS>(store).await;
    let message = &messages[0];
    let faces: Vec<String> =
        (0x1F600..).filter_map(char::from_u32).map(String::from).take(REACTION_KINDS_MAX).collect();
    let all: Vec<Command> = faces
        .iter()
        .flat_map(|face| members.iter().map(move |member| (face, *member)))
        .map(|(face, member)| react(store, message, member, face, true))
        .collect();
    assert_eq!(all.len(), 10_000);
    let (started, mut longest) = (Instant::now(), 0);
    for batch in all.chunks(BATCH_ROWS_MAX) {
        let outcomes = apply(store, batch).await;
        let events: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Committed(_)))).collect();
        assert_eq!(events.len(), 1);
        let (_, fields) = changed(events[0]);
        assert_eq!(fields.get("changes"), None, "a large conversation names nobody");
        longest = longest.max(fields.to_string().len());
    }
    let took = started.elapsed();
    FaultRun::new("ten thousand reactions")
        .print(format_args!("{}: {took:.1?}, the longest event has {longest} bytes", store.kind()));
    assert!(longest < 2_048, "{longest}");
    assert_eq!(store.head(id).await.unwrap(), Some(2 + 10));
    let stored = store.message_by_id(id, message.id).await.unwrap().unwrap().reactions;
    assert!(stored.counts().iter().all(|kind| usize::try_from(kind.count) == Ok(MEMBERS)), "{stored:?}");
    assert_eq!(stored.counts().len(), REACTION_KINDS_MAX);
    let others = [react(store, message, members[0], HEART, true), react(store, message, members[0], &faces[0], true)];
    let mut outcomes = apply(store, &others).await;
    assert_eq!(outcomes.pop(), Some(Ok(Outcome::NoChange)));
    assert_eq!(super::refused_field(outcomes.remove(0)), "emoji");
    assert_eq!(reactors(&*store.store, message).await.len(), all.len());
    store.alter(id, members[0], Action::DeleteMessage { message_id: message.id }).await.unwrap();
    let started = Instant::now();
    while store.sweep_reactions(1_000).await.unwrap() {}
    FaultRun::new("ten thousand reactions").print(format_args!("{}: swept in {:.1?}", store.kind(), started.elapsed()));
    assert_eq!(reactors(&*store.store, message).await, []);
}
