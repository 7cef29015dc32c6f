//! Changes of members and name: authorised by the rules, and numbered with system messages.

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::conversation::{GroupName, Role};
use chinwag::domain::message::{Message, SystemNote};
use chinwag::domain::{Code, ConversationId, MessageId, UserId};

use super::shims::{ApplyOne, Change, Send};
use super::{Fixture, fresh, lane, refused, refused_field, repeated, seqs};

distributed_conformance!(
    adding_is_noted_and_counted,
    a_newcomer_starts_at_the_note,
    removing_is_noted_and_counted,
    leaving_is_removing_oneself,
    roles_change_and_the_owner_hands_over,
    a_name_changes,
    what_is_as_wanted_is_left_alone,
    a_refused_change_leaves_nothing,
    a_change_is_made_once_for_its_id,
    a_change_and_a_send_cannot_have_the_same_id,
    strangers_and_direct_conversations_are_left_alone,
    changes_at_once_from_two_processes_leave_no_gap,
);

/// Creates a group of ada (owner) and bob (member), and cat, who is not a member.
async fn lunch(store: &Fixture) -> (ConversationId, UserId, UserId, UserId) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    (store.group("Lunch", ada, &[bob]).await, ada, bob, cat)
}

async fn change(store: &Fixture, change: &Change) -> super::Result<Outcome> {
    store.change(lane(&*store.store, change.conversation_id), change).await
}

async fn role(store: &Fixture, id: ConversationId, user_id: UserId) -> Option<Role> {
    store.member(id, user_id).await.unwrap().map(|member| member.role)
}

async fn adding_is_noted_and_counted(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    store.send(id, bob, "who else?").await;
    let change_of = store.change_of(id, ada, Action::AddMember { user_id: cat, role: Role::Admin });
    let note = fresh(change(store, &change_of).await);
    let expected = Message {
        note: Some(SystemNote::MemberAdded { user_id: cat, role: Role::Admin }),
        ..Message::new(change_of.id, id, 2, ada, "ada added cat".to_owned(), change_of.timestamp)
    };
    assert_eq!(note, expected);
    assert_eq!(store.message(id, note.id).await.unwrap(), Some(expected));
    assert_eq!(role(store, id, cat).await, Some(Role::Admin));
    let conversation = store.conversation(id).await.unwrap().unwrap();
    assert_eq!((conversation.member_count, conversation.last_seq), (3, 2));
    assert_eq!(conversation.active_at, change_of.timestamp);
    for (user_id, version) in [(ada, 1), (bob, 1), (cat, 1)] {
        assert_eq!(store.membership_version(user_id).await.unwrap(), version);
    }
    assert_eq!(store.conversation_views(cat, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.receipts(id, ada).await, (2, 2), "whoever does it knows of it");
    assert_eq!(store.receipts(id, bob).await, (1, 1));
    assert_eq!(store.send(id, cat, "hello").await.seq, 3);
}

async fn a_newcomer_starts_at_the_note(store: &Fixture) {
    let (id, ada, _, cat) = lunch(store).await;
    for n in 0..5 {
        store.send(id, ada, &format!("{n}")).await;
    }
    let note = store.add(id, ada, cat, Role::Member).await;
    assert_eq!(store.receipts(id, cat).await, (note.seq, note.seq));
    assert_eq!(store.conversation_view(id, cat).await.unwrap().unwrap().unread_count, 0);
    store.remove(id, ada, cat).await;
    store.send(id, ada, "while away").await;
    let note = store.add(id, ada, cat, Role::Member).await;
    assert_eq!(store.receipts(id, cat).await, (note.seq, note.seq), "who comes back starts anew");
}

async fn removing_is_noted_and_counted(store: &Fixture) {
    let (id, ada, bob, _) = lunch(store).await;
    let note = store.remove(id, ada, bob).await;
    assert_eq!((note.seq, note.sender_id, note.content.as_str()), (1, ada, "ada removed bob"));
    assert_eq!(note.note, Some(SystemNote::MemberRemoved { user_id: bob }));
    assert_eq!(store.all(id).await, [note]);
    assert_eq!(store.member(id, bob).await.unwrap(), None);
    assert_eq!(store.conversation_view(id, bob).await.unwrap(), None);
    assert_eq!(store.conversation_ids(bob, ConversationId::FIRST, 10).await.unwrap(), []);
    assert_eq!(store.conversation(id).await.unwrap().unwrap().member_count, 1);
    assert_eq!(store.membership_version(bob).await.unwrap(), 2);
    assert_eq!(store.membership_version(ada).await.unwrap(), 1);
}

async fn leaving_is_removing_oneself(store: &Fixture) {
    let (id, ada, bob, _) = lunch(store).await;
    assert_eq!(refused(store.alter(id, ada, Action::RemoveMember { user_id: ada }).await), Code::Forbidden);
    let leave = store.change_of(id, bob, Action::RemoveMember { user_id: bob });
    let note = fresh(change(store, &leave).await);
    assert_eq!((note.sender_id, note.content.as_str()), (bob, "bob left"));
    assert_eq!(store.membership_version(bob).await.unwrap(), 2);
    assert_eq!(repeated(change(store, &leave).await), note, "though they are out");
    assert_eq!(store.remove(id, ada, ada).await.seq, 2, "the last one may go");
    assert_eq!(store.conversation(id).await.unwrap().unwrap().member_count, 0);
}

async fn roles_change_and_the_owner_hands_over(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let set = |user_id, role| Action::SetRole { user_id, role };
    let note = fresh(store.alter(id, ada, set(bob, Role::Admin)).await);
    assert_eq!(note.note, Some(SystemNote::MemberUpdated { user_id: bob, role: Role::Admin }));
    assert_eq!(role(store, id, bob).await, Some(Role::Admin));
    fresh(store.alter(id, ada, set(bob, Role::Owner)).await);
    assert_eq!((role(store, id, bob).await, role(store, id, ada).await), (Some(Role::Owner), Some(Role::Admin)));
    assert_eq!(refused(store.alter(id, ada, set(bob, Role::Member)).await), Code::Forbidden, "no longer the owner");
    fresh(store.alter(id, bob, set(ada, Role::Member)).await);
    assert_eq!(role(store, id, ada).await, Some(Role::Member));
    assert_eq!(refused(store.alter(id, bob, set(cat, Role::Admin)).await), Code::NotFound);
    for user_id in [ada, bob] {
        assert_eq!(store.membership_version(user_id).await.unwrap(), 1, "where they belong is as it was");
    }
    assert_eq!(seqs(&store.all(id).await), [1, 2, 3]);
}

async fn a_name_changes(store: &Fixture) {
    let (id, ada, _, _) = lunch(store).await;
    let name = GroupName::parse("Dîner “à deux” 🕯").unwrap();
    let note = fresh(store.alter(id, ada, Action::Rename { name: name.clone() }).await);
    assert_eq!(note.note, Some(SystemNote::ConversationUpdated { name: name.clone() }));
    assert_eq!(store.conversation(id).await.unwrap().unwrap().name, Some(name));
    assert_eq!(store.all(id).await, std::slice::from_ref(&note));
    assert_eq!(store.conversation_view(id, ada).await.unwrap().unwrap().last_message, Some(note));
}

async fn what_is_as_wanted_is_left_alone(store: &Fixture) {
    let (id, ada, bob, _) = lunch(store).await;
    let before = store.conversation(id).await.unwrap();
    for action in [
        Action::AddMember { user_id: bob, role: Role::Admin },
        Action::SetRole { user_id: bob, role: Role::Member },
        Action::Rename { name: GroupName::parse("Lunch").unwrap() },
    ] {
        assert_eq!(store.alter(id, ada, action.clone()).await, Ok(Outcome::NoChange), "{action:?}");
    }
    assert_eq!(store.conversation(id).await.unwrap(), before);
    assert_eq!(store.all(id).await, []);
    assert_eq!(store.membership_version(bob).await.unwrap(), 1);
}

async fn a_refused_change_leaves_nothing(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let before = store.conversation(id).await.unwrap();
    for (actor_id, action) in [
        (bob, Action::AddMember { user_id: cat, role: Role::Member }),
        (bob, Action::RemoveMember { user_id: ada }),
        (bob, Action::Rename { name: GroupName::parse("Mine").unwrap() }),
        (ada, Action::AddMember { user_id: cat, role: Role::Owner }),
    ] {
        assert_eq!(refused(store.alter(id, actor_id, action.clone()).await), Code::Forbidden, "{action:?}");
    }
    let unknown = Action::AddMember { user_id: UserId::new(), role: Role::Member };
    assert_eq!(refused_field(store.alter(id, ada, unknown).await), "user_id");
    assert_eq!(refused(store.alter(id, ada, Action::RemoveMember { user_id: cat }).await), Code::NotFound);
    assert_eq!(store.conversation(id).await.unwrap(), before);
    assert_eq!(store.all(id).await, []);
    assert_eq!(store.members(id, None, 10).await.unwrap().len(), 2);
}

async fn a_change_is_made_once_for_its_id(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let adding = store.change_of(id, ada, Action::AddMember { user_id: cat, role: Role::Member });
    let note = fresh(change(store, &adding).await);
    store.remove(id, ada, cat).await;
    assert_eq!(repeated(change(store, &adding).await), note, "a late retry does not bring them back");
    let another = store.another().await;
    assert_eq!(repeated(another.change(lane(&*another, id), &adding).await), note);
    assert_eq!(store.member(id, cat).await.unwrap(), None);
    assert_eq!(store.membership_version(cat).await.unwrap(), 2);
    let bobs = Change { actor_id: bob, ..adding };
    assert_eq!(refused(change(store, &bobs).await), Code::IdTaken);
    assert_eq!(seqs(&store.all(id).await), [1, 2]);
}

async fn a_change_and_a_send_cannot_have_the_same_id(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let message = store.send(id, bob, "first").await;
    let adding = Action::AddMember { user_id: cat, role: Role::Member };
    let same_id = Change { id: message.id, ..store.change_of(id, ada, adding.clone()) };
    assert_eq!(refused(change(store, &same_id).await), Code::IdTaken);
    let noted = fresh(store.alter(id, ada, adding).await);
    let as_noted = Send { id: noted.id, ..store.send_of(id, bob, "second") };
    assert_eq!(refused(store.commit_one(&as_noted).await), Code::IdTaken);
    let own = Send { id: noted.id, ..store.send_of(id, ada, "second") };
    assert_eq!(refused(store.commit_one(&own).await), Code::IdTaken, "not even one's own system message");
    assert_eq!(store.all(id).await, [message, noted]);
}

async fn strangers_and_direct_conversations_are_left_alone(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let pair = store.direct(ada, bob).await;
    let adding = |user_id| Action::AddMember { user_id, role: Role::Member };
    assert_eq!(refused(store.alter(id, cat, adding(cat)).await), Code::NotFound);
    assert_eq!(refused(store.alter(ConversationId::new(), ada, adding(cat)).await), Code::NotFound);
    assert_eq!(refused(store.alter(pair, ada, adding(cat)).await), Code::Forbidden);
    assert_eq!(refused(store.alter(pair, ada, Action::RemoveMember { user_id: ada }).await), Code::Forbidden);
    assert_eq!(store.head(id).await.unwrap(), Some(0));
    assert_eq!(store.head(pair).await.unwrap(), Some(0));
    assert_eq!(store.message(pair, MessageId::new()).await.unwrap(), None);
}

async fn changes_at_once_from_two_processes_leave_no_gap(store: &Fixture) {
    let (id, ada, bob, cat) = lunch(store).await;
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let adapter = adapters[task % 2].clone();
            let changes: Vec<_> = (0..10)
                .map(|n| {
                    let adding = Action::AddMember { user_id: cat, role: Role::Member };
                    let action = if n % 2 == 0 { adding } else { Action::RemoveMember { user_id: cat } };
                    (store.change_of(id, ada, action), store.send_of(id, bob, &format!("{task}:{n}")))
                })
                .collect();
            tokio::spawn(async move {
                let mut numbered = 0;
                for (change, send) in changes {
                    match adapter.change(lane(&*adapter, id), &change).await {
                        Ok(Outcome::Committed(_)) => numbered += 1,
                        Ok(Outcome::Merged | Outcome::NoChange) => {}
                        Ok(Outcome::Duplicate(note)) => panic!("no other process has committed this one: {note:?}"),
                        Err(error) => assert_eq!(error.code, Code::NotFound, "removed by another: {error}"),
                    }
                    fresh(super::commit_one(&*adapter, &send).await);
                    numbered += 1;
                }
                numbered
            })
        })
        .collect();
    let mut numbered = 0;
    for task in tasks {
        numbered += task.await.unwrap();
    }
    let kept = store.all(id).await;
    assert_eq!(seqs(&kept), (1..=numbered).collect::<Vec<_>>());
    // The system messages are consistent: cat is added and removed alternately, and the last one matches the membership.
    let notes: Vec<_> = kept.iter().filter_map(|message| message.note.clone()).collect();
    let mut inside = false;
    for note in &notes {
        assert_eq!(matches!(note, SystemNote::MemberAdded { .. }), !inside, "{notes:?}");
        inside = !inside;
    }
    assert_eq!(store.member(id, cat).await.unwrap().is_some(), inside);
    let conversation = store.conversation(id).await.unwrap().unwrap();
    assert_eq!((conversation.member_count, conversation.last_seq), (2 + i64::from(inside), numbered));
    assert_eq!(store.membership_version(cat).await.unwrap(), i64::try_from(notes.len()).unwrap());
}
