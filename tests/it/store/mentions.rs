//! Mentions: who is mentioned is decided with the membership of that moment, and counted as long as it is unread.

use std::sync::Arc;

use chinwag::domain::block::NewBlock;
use chinwag::domain::command::{Action, NewMessage, Outcome};
use chinwag::domain::conversation::Role;
use chinwag::domain::mentions::Mentions;
use chinwag::domain::message::{Content, Message};
use chinwag::domain::receipt::{ReceiptOutcome, ReceiptUpdate};
use chinwag::domain::{ConversationId, Seq, UserId};
use chinwag::limits::UNREAD_MAX;

use super::{Fixture, fresh, lane, repeated};

distributed_conformance!(
    the_members_whom_a_text_names_are_mentioned,
    only_admins_of_groups_mention_all,
    messages_of_one_batch_have_their_own_mentions,
    a_read_takes_mentions_away_and_a_mark_brings_them_back,
    an_edit_raises_no_count,
    a_deletion_takes_its_mentions_away,
    who_is_blocked_raises_no_count,
    the_count_is_bounded,
    what_is_looked_at_to_count_is_said,
    a_deleted_conversation_has_no_mentions,
);

fn users(user_ids: &[UserId]) -> Mentions {
    Mentions { user_ids: user_ids.to_vec(), all: false }
}

const ROWS: &str = "SELECT (SELECT count(*) FROM mentions) + (SELECT count(*) FROM mentions_of_all)";

/// Returns the mentions that are counted for a member, which the view and the list show alike.
async fn counted(store: &Fixture, id: ConversationId, user_id: UserId) -> i64 {
    let view = store.conversation_view(id, user_id).await.unwrap().unwrap();
    let listed = store.conversation_views(user_id, None, 10).await.unwrap();
    assert!(listed.contains(&view));
    view.mention_count
}

async fn edited(store: &Fixture, message: &Message, text: &str) -> Message {
    let content = Content::parse(text.to_owned()).unwrap();
    let edit = Action::EditMessage { message_id: message.id, content };
    fresh(store.alter(message.conversation_id, message.sender_id, edit).await)
}

async fn room(store: &Fixture) -> (ConversationId, [UserId; 3]) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("Bob.B").await, store.register("cat").await);
    (store.group("Lunch", ada, &[bob, cat]).await, [ada, bob, cat])
}

async fn the_members_whom_a_text_names_are_mentioned(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    let eve = store.register("eve").await;
    let plain = store.send(id, ada, "no at all").await;
    assert_eq!((plain.mentions, store.count(ROWS).await), (Mentions::default(), 0));
    let new = store.send_of(id, ada, "@bob.b, @CAT. @eve @ada @bob.B `@cat` x@cat");
    let sent = fresh(store.commit_one(&new).await);
    assert_eq!(sent.mentions, users(&[bob, cat, ada]));
    assert_eq!(store.message_by_id(id, sent.id).await.unwrap().as_ref(), Some(&sent));
    assert_eq!(repeated(store.commit_one(&new).await), sent, "a retry");
    assert_eq!(
        [counted(store, id, ada).await, counted(store, id, bob).await, counted(store, id, cat).await],
        [0, 1, 1]
    );
    assert_eq!(store.count(ROWS).await, 2, "nobody is told of a mention of their own");

    store.remove(id, ada, cat).await;
    store.add(id, ada, eve, Role::Member).await;
    let later = store.send(id, ada, "@cat @eve").await;
    assert_eq!((later.mentions, counted(store, id, eve).await), (users(&[eve]), 1));
    let strangers = store.send(id, ada, "@nobody @cat @Bob").await;
    assert!(strangers.mentions.is_empty());
    assert_eq!(counted(store, id, bob).await, 1);
}

async fn only_admins_of_groups_mention_all(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    let all = Mentions { user_ids: Vec::new(), all: true };
    assert_eq!(store.send(id, bob, "@all").await.mentions, Mentions::default());
    assert_eq!(store.send(id, ada, "@All!").await.mentions, all);
    let both = store.send(id, ada, "@all and @cat").await;
    assert_eq!(both.mentions, Mentions { user_ids: vec![cat], all: true });
    assert_eq!(
        [counted(store, id, ada).await, counted(store, id, bob).await, counted(store, id, cat).await],
        [0, 2, 2]
    );
    store.alter(id, ada, Action::SetRole { user_id: bob, role: Role::Admin }).await.unwrap();
    let of_admin = store.send(id, bob, "@all").await;
    assert_eq!((of_admin.mentions, counted(store, id, ada).await), (all, 1));
    let direct = store.direct(ada, bob).await;
    assert_eq!(store.send(direct, ada, "@all @bob.b").await.mentions, users(&[bob]));
    assert_eq!(store.send(direct, bob, "@all").await.mentions, Mentions::default());
}

async fn messages_of_one_batch_have_their_own_mentions(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    let first = store.send_of(id, ada, "@bob.b");
    fresh(store.commit_one(&first).await);
    let answer = NewMessage { reply_to: Some(first.id), ..store.send_of(id, bob, "@ada @all") };
    let batch = [
        store.send_of(id, cat, "plain"),
        first,
        answer,
        store.send_of(id, ada, "@all @cat"),
        store.send_of(id, bob, "@"),
    ];
    let outcomes = store.commit(lane(&*store.store, id), Arc::new(batch)).await.unwrap();
    let mentions = outcomes.into_iter().map(|outcome| match outcome.unwrap() {
        Outcome::Committed(event) => (event.seq, event.message.unwrap().mentions),
        Outcome::Duplicate(message) => (message.seq, message.mentions),
        other => panic!("{other:?}"),
    });
    let expected = [
        (2, Mentions::default()),
        (1, users(&[bob])),
        (3, users(&[ada])),
        (4, Mentions { user_ids: vec![cat], all: true }),
        (5, Mentions::default()),
    ];
    assert_eq!(mentions.collect::<Vec<_>>(), expected);
    let read: Vec<(Seq, Mentions)> =
        store.all(id).await.into_iter().map(|message| (message.seq, message.mentions)).collect();
    assert_eq!(
        read,
        [expected[1].clone(), expected[0].clone(), expected[2].clone(), expected[3].clone(), expected[4].clone()]
    );
    assert_eq!(counted(store, id, cat).await, 1);
    assert_eq!(counted(store, id, ada).await, 0, "a send reads what was before it");
}

/// Returns the unread messages and mentions after an update that changes something.
async fn after(store: &Fixture, id: ConversationId, user_id: UserId, update: ReceiptUpdate) -> (i64, i64) {
    let outcomes = store.update_receipts(&[(id, user_id, update)]).await.unwrap();
    assert!(matches!(outcomes[..], [ReceiptOutcome::Changed { .. }]), "{outcomes:?}");
    let states = store.unread_states(&[(id, user_id)]).await.unwrap();
    let [(_, state)] = states[..] else { panic!("{states:?}") };
    (state.unread_count, state.mention_count)
}

async fn a_read_takes_mentions_away_and_a_mark_brings_them_back(store: &Fixture) {
    let (id, [ada, bob, _]) = room(store).await;
    for text in ["@bob.b", "plain", "@all", "@bob.b"] {
        store.send(id, ada, text).await;
    }
    assert_eq!(counted(store, id, bob).await, 3);
    assert_eq!(after(store, id, bob, ReceiptUpdate::read(1)).await, (3, 2));
    assert_eq!(after(store, id, bob, ReceiptUpdate::read(4)).await, (0, 0));
    assert_eq!(after(store, id, bob, ReceiptUpdate::unread_from(3)).await, (2, 2));
    assert_eq!(after(store, id, bob, ReceiptUpdate::unread_from(1)).await, (4, 3));
    assert_eq!(counted(store, id, bob).await, 3);
    store.send(id, bob, "@bob.b").await;
    assert_eq!(counted(store, id, bob).await, 0);
    assert_eq!(after(store, id, bob, ReceiptUpdate::unread_from(1)).await, (4, 3), "one's own message mentions others");
}

async fn an_edit_raises_no_count(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    let message = store.send(id, ada, "@bob.b @all").await;
    let edited_once = edited(store, &message, "@cat and @ada, not @nobody").await;
    assert_eq!(edited_once.mentions, users(&[cat, ada]));
    assert_eq!(store.message_by_id(id, message.id).await.unwrap(), Some(edited_once.clone()));
    assert_eq!([counted(store, id, bob).await, counted(store, id, cat).await, store.count(ROWS).await], [0, 0, 0]);
    let again = edited(store, &edited_once, "@bob.b @all `@cat`").await;
    assert_eq!(again.mentions, Mentions { user_ids: vec![bob], all: true });
    assert_eq!(
        [counted(store, id, bob).await, counted(store, id, cat).await],
        [0, 0],
        "the message is not new to them"
    );
    let theirs = store.send(id, bob, "@cat").await;
    assert_eq!(edited(store, &theirs, "@all @cat, hello").await.mentions, users(&[cat]));
    assert_eq!(counted(store, id, cat).await, 1, "who is still mentioned stays counted");
    assert_eq!(edited(store, &theirs, "hello").await.mentions, Mentions::default());
    assert_eq!(counted(store, id, cat).await, 0);
}

async fn a_deletion_takes_its_mentions_away(store: &Fixture) {
    let (id, [ada, bob, _]) = room(store).await;
    let message = store.send(id, ada, "@bob.b @all").await;
    store.send(id, ada, "@bob.b").await;
    let deletion = Action::DeleteMessage { message_id: message.id };
    let deleted = fresh(store.alter(id, ada, deletion).await);
    assert!(deleted.mentions.is_empty());
    assert_eq!(store.message_by_id(id, message.id).await.unwrap(), Some(deleted));
    assert_eq!((counted(store, id, bob).await, store.count(ROWS).await), (1, 1));
}

async fn who_is_blocked_raises_no_count(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    store.alter(id, ada, Action::SetRole { user_id: cat, role: Role::Admin }).await.unwrap();
    let block = NewBlock { user_id: bob, blocked_id: cat, created_at: store.now() };
    store.insert_block(&block).await.unwrap();
    for text in ["@bob.b", "@all", "@bob.b @ada"] {
        let message = store.send(id, cat, text).await;
        assert!(!message.mentions.is_empty(), "the sender does not see the block");
    }
    assert_eq!([counted(store, id, bob).await, counted(store, id, ada).await], [0, 2]);
    store.send(id, bob, "@cat").await;
    assert_eq!(counted(store, id, cat).await, 1, "a block hides nothing from the one who is blocked");
}

async fn the_count_is_bounded(store: &Fixture) {
    let (id, [ada, bob, _]) = room(store).await;
    for _ in 0..UNREAD_MAX {
        store.send(id, ada, "@bob.b").await;
    }
    assert_eq!(counted(store, id, bob).await, UNREAD_MAX);
    store.send(id, ada, "@all").await;
    assert_eq!(counted(store, id, bob).await, UNREAD_MAX);
}

async fn what_is_looked_at_to_count_is_said(store: &Fixture) {
    let (id, [ada, bob, _]) = room(store).await;
    let looked_at = async |user_id| {
        let view = store.conversation_view(id, user_id).await.unwrap().unwrap();
        assert_eq!(store.conversation_views(user_id, None, 10).await.unwrap(), std::slice::from_ref(&view));
        view.rows_counted
    };
    let mut message = store.send(id, ada, "plain").await;
    for text in ["once", "twice", "@bob.b"] {
        message = edited(store, &message, text).await;
    }
    assert_eq!([looked_at(bob).await, looked_at(ada).await], [1, 0], "edits take numbers and are not looked at");
    store.send(id, ada, "@bob.b").await;
    let last = store.send(id, ada, "@all, and @bob.b").await;
    assert_eq!(looked_at(bob).await, 3 + 3, "messages and mentions");
    let block = NewBlock { user_id: bob, blocked_id: ada, created_at: store.now() };
    store.insert_block(&block).await.unwrap();
    assert_eq!((counted(store, id, bob).await, looked_at(bob).await), (0, 3 + 3), "also those that do not count");
    store.alter(id, ada, Action::DeleteMessage { message_id: last.id }).await.unwrap();
    assert_eq!(looked_at(bob).await, 3 + 1);
    after(store, id, ada, ReceiptUpdate::unread_from(1)).await;
    assert_eq!(looked_at(ada).await, 3, "her own are behind her mark");
    after(store, id, bob, ReceiptUpdate::read(Seq::MAX)).await;
    assert_eq!(looked_at(bob).await, 0);
    for _ in 0..=UNREAD_MAX {
        store.send(id, ada, "@bob.b").await;
    }
    assert_eq!(looked_at(bob).await, UNREAD_MAX + UNREAD_MAX + 1, "a count that is full ends the look");
}

async fn a_deleted_conversation_has_no_mentions(store: &Fixture) {
    let (id, [ada, bob, cat]) = room(store).await;
    let other = store.group("Supper", ada, &[bob, cat]).await;
    for _ in 0..5 {
        store.send(id, ada, "@bob.b @cat @all").await;
    }
    store.send(other, ada, "@bob.b @all").await;
    store.delete_conversation(id, ada).await.unwrap();
    while store.sweep_deleted(2).await.unwrap() {}
    assert_eq!((store.count(ROWS).await, counted(store, other, bob).await), (2, 1));
}
