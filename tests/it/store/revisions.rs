//! Edits and deletions: numbered by the same counter, replayed as what the message is now.

use chinwag::domain::command::Outcome;
use chinwag::domain::conversation::Role;
use chinwag::domain::message::{Content, Message};
use chinwag::domain::session::SessionKey;
use chinwag::domain::user::UserVersions;
use chinwag::domain::{Code, ConversationId, MessageId, Seq, SessionId, UserId};

use super::shims::{ApplyOne, Event, MessageEventKind, Revision};
use super::{Fixture, fresh, lane, refused, repeated, seqs};

distributed_conformance!(
    an_edit_and_a_deletion_are_numbered,
    what_is_as_wanted_takes_no_number,
    a_retry_of_a_send_finds_the_message_as_it_is_now,
    strangers_revise_nothing,
    a_replay_shows_what_is_there_now,
    what_was_deleted_is_not_unread,
    a_revision_does_not_make_a_conversation_the_latest,
    revisions_at_once_from_two_processes_leave_no_gap,
    a_deleted_conversation_leaves_no_changes,
    numbers_are_asked_for_many_at_once,
);

fn edit(store: &Fixture, message: &Message, actor_id: UserId, text: &str) -> Revision {
    let content = Some(Content::parse(text.to_owned()).unwrap());
    Revision { content, ..delete(store, message, actor_id) }
}

fn delete(store: &Fixture, message: &Message, actor_id: UserId) -> Revision {
    let (conversation_id, message_id) = (message.conversation_id, message.id);
    Revision { conversation_id, message_id, actor_id, content: None, timestamp: store.now() }
}

async fn revise(store: &Fixture, revision: &Revision) -> super::Result<Outcome> {
    store.revise(lane(&*store.store, revision.conversation_id), revision).await
}

#[track_caller]
fn happened(outcome: super::Result<Outcome>) -> Event {
    match outcome {
        Ok(Outcome::Committed(event)) => event.into(),
        other => panic!("expected an event, not {other:?}"),
    }
}

async fn replay(store: &Fixture, id: ConversationId, after: Seq) -> Vec<(Seq, MessageEventKind, Seq)> {
    let events = store.events(id, after, 100_000).await.unwrap();
    events.into_iter().map(Event::from).map(|event| (event.seq, event.kind, event.message.seq)).collect()
}

async fn pair(store: &Fixture) -> (ConversationId, UserId, UserId) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    (store.group("Lunch", ada, &[bob]).await, ada, bob)
}

async fn an_edit_and_a_deletion_are_numbered(store: &Fixture) {
    let (id, ada, bob) = pair(store).await;
    let first = store.send(id, bob, "tpyo").await;
    let second = store.send(id, ada, "second").await;
    let revision = edit(store, &first, bob, "typo");
    let event = happened(revise(store, &revision).await);
    let edited = Message { content: "typo".to_owned(), edited_at: Some(revision.timestamp), ..first };
    assert_eq!(event, Event { seq: 3, kind: MessageEventKind::Updated, message: edited.clone() });
    assert_eq!(store.message(id, edited.id).await.unwrap(), Some(edited.clone()));

    let revision = delete(store, &edited, ada);
    let event = happened(revise(store, &revision).await);
    let gone = Message { content: String::new(), deleted_at: Some(revision.timestamp), ..edited };
    assert_eq!(event, Event { seq: 4, kind: MessageEventKind::Deleted, message: gone.clone() }, "its owner may");
    assert_eq!(store.all(id).await, [gone, second], "the numbers that were changes are not in the history");
    assert_eq!(store.head(id).await.unwrap(), Some(4));
    assert_eq!(store.send(id, ada, "third").await.seq, 5);
}

async fn what_is_as_wanted_takes_no_number(store: &Fixture) {
    let (id, ada, _) = pair(store).await;
    let message = store.send(id, ada, "as it is").await;
    assert_eq!(repeated(revise(store, &edit(store, &message, ada, "as it is")).await), message);
    let gone = happened(revise(store, &delete(store, &message, ada)).await).message;
    assert_eq!(repeated(revise(store, &delete(store, &message, ada)).await), gone);
    assert_eq!(refused(revise(store, &edit(store, &message, ada, "back")).await), Code::NotFound);
    assert_eq!(store.head(id).await.unwrap(), Some(2));
}

async fn a_retry_of_a_send_finds_the_message_as_it_is_now(store: &Fixture) {
    let (id, ada, _) = pair(store).await;
    let send = store.send_of(id, ada, "first");
    let message = fresh(store.commit_one(&send).await);
    let edited = happened(revise(store, &edit(store, &message, ada, "second")).await).message;
    assert_eq!(repeated(store.commit_one(&send).await), edited);
    let gone = happened(revise(store, &delete(store, &message, ada)).await).message;
    assert_eq!(repeated(store.commit_one(&send).await), gone);
    assert_eq!(gone.content, "");
}

async fn strangers_revise_nothing(store: &Fixture) {
    let (id, ada, bob) = pair(store).await;
    let cat = store.register("cat").await;
    let message = store.send(id, ada, "mine").await;
    assert_eq!(refused(revise(store, &edit(store, &message, cat, "x")).await), Code::NotFound);
    assert_eq!(refused(revise(store, &edit(store, &message, bob, "x")).await), Code::Forbidden);
    assert_eq!(refused(revise(store, &delete(store, &message, bob)).await), Code::Forbidden);
    let unknown = Message { id: MessageId::new(), ..message.clone() };
    assert_eq!(refused(revise(store, &delete(store, &unknown, ada)).await), Code::NotFound);
    let nowhere = Message { conversation_id: ConversationId::new(), ..message.clone() };
    assert_eq!(refused(revise(store, &delete(store, &nowhere, ada)).await), Code::NotFound);
    let note = store.add(id, ada, cat, Role::Member).await;
    assert_eq!(refused(revise(store, &delete(store, &note, ada)).await), Code::Forbidden);
    store.remove(id, ada, cat).await;
    assert_eq!(store.head(id).await.unwrap(), Some(3));
    assert_eq!(store.message(id, message.id).await.unwrap(), Some(message));
}

async fn a_replay_shows_what_is_there_now(store: &Fixture) {
    use MessageEventKind::{Created, Deleted, Updated};
    let (id, ada, _) = pair(store).await;
    let first = store.send(id, ada, "a").await;
    let second = store.send(id, ada, "b").await;
    for text in ["c", "d"] {
        happened(revise(store, &edit(store, &first, ada, text)).await);
    }
    store.send(id, ada, "e").await;
    happened(revise(store, &delete(store, &first, ada)).await);
    happened(revise(store, &edit(store, &second, ada, "f")).await);
    let all = [
        (1, Created, 1),
        (2, Created, 2),
        (3, Updated, 1),
        (4, Updated, 1),
        (5, Created, 5),
        (6, Deleted, 1),
        (7, Updated, 2),
    ];
    for after in 0..=7 {
        assert_eq!(replay(store, id, after).await, all[usize::try_from(after).unwrap()..]);
    }
    let page = store.events(id, 1, 3).await.unwrap();
    assert_eq!(page.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3, 4]);
    let texts: Vec<String> =
        store.events(id, 0, 9).await.unwrap().into_iter().map(|e| Event::from(e).message.content).collect();
    assert_eq!(texts, ["", "f", "", "", "e", "", "f"], "nothing deleted comes back");
}

async fn what_was_deleted_is_not_unread(store: &Fixture) {
    let (id, ada, bob) = pair(store).await;
    let messages = [store.send(id, ada, "one").await, store.send(id, ada, "two").await];
    happened(revise(store, &edit(store, &messages[0], ada, "uno")).await);
    let unread = async || store.conversation_view(id, bob).await.unwrap().unwrap().unread_count;
    assert_eq!(unread().await, 2);
    happened(revise(store, &delete(store, &messages[0], ada)).await);
    assert_eq!(unread().await, 1);
    assert_eq!(store.receipts(id, ada).await, (2, 2), "who mends a message has not read what came since");
}

async fn a_revision_does_not_make_a_conversation_the_latest(store: &Fixture) {
    let (old, ada, bob) = pair(store).await;
    let message = store.send(old, ada, "long ago").await;
    let new = store.group("Supper", ada, &[bob]).await;
    store.send(new, bob, "now").await;
    happened(revise(store, &edit(store, &message, ada, "a while ago")).await);
    let latest: Vec<ConversationId> =
        store.conversation_views(ada, None, 9).await.unwrap().iter().map(|view| view.conversation.id).collect();
    assert_eq!(latest, [new, old]);
}

async fn revisions_at_once_from_two_processes_leave_no_gap(store: &Fixture) {
    let (id, ada, bob) = pair(store).await;
    let message = store.send(id, ada, "0").await;
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let adapter = adapters[task % 2].clone();
            let work: Vec<_> = (0..10)
                .map(|n| (edit(store, &message, ada, &format!("{task}:{n}")), store.send_of(id, bob, "meanwhile")))
                .collect();
            tokio::spawn(async move {
                for (revision, send) in work {
                    happened(adapter.revise(lane(&*adapter, id), &revision).await);
                    fresh(super::commit_one(&*adapter, &send).await);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let events = replay(store, id, 0).await;
    assert_eq!(events.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), (1..=81).collect::<Vec<_>>());
    assert_eq!(events.iter().filter(|(_, kind, _)| *kind == MessageEventKind::Updated).count(), 40);
    assert_eq!(seqs(&store.all(id).await).len(), 41);
}

async fn a_deleted_conversation_leaves_no_changes(store: &Fixture) {
    let (id, ada, _) = pair(store).await;
    let message = store.send(id, ada, "x").await;
    happened(revise(store, &edit(store, &message, ada, "y")).await);
    store.delete_conversation(id, ada).await.unwrap();
    while store.sweep_deleted(1_000).await.unwrap() {}
    assert_eq!(replay(store, id, 0).await, []);
}

async fn numbers_are_asked_for_many_at_once(store: &Fixture) {
    let (first, ada, bob) = pair(store).await;
    let second = store.group("Supper", ada, &[]).await;
    store.send(first, ada, "x").await;
    let mut heads = store.heads_of(&[second, ConversationId::new(), first]).await.unwrap();
    heads.sort_unstable_by_key(|(_, head)| *head);
    assert_eq!(heads, [(second, 0), (first, 1)]);
    let mut versions = store.versions(&[bob, UserId::new(), ada]).await.unwrap();
    versions.sort_unstable_by_key(|versions| versions.memberships);
    let expected = [(bob, 1), (ada, 2)].map(|(user_id, memberships)| UserVersions { user_id, memberships, blocks: 0 });
    assert_eq!(versions, expected);
    let no_session = SessionKey { user_id: ada, id: SessionId::new() };
    let sessions = [store.login(ada).await.key(), store.login(ada).await.key(), no_session];
    store.end_session(sessions[1], store.now()).await.unwrap();
    assert_eq!(
        store.live_sessions(&sessions, store.now()).await.unwrap(),
        [sessions[0].id],
        "one has ended, one never was"
    );
    assert_eq!(store.live_sessions(&[], store.now()).await.unwrap(), []);
    assert_eq!(store.heads_of(&[]).await.unwrap(), []);
}
