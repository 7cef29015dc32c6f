//! Commands in batches: each is decided by itself, numbered in its own conversation, and committed with the others.

use std::collections::HashMap;
use std::sync::Arc;

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::conversation::{GroupName, Role};
use chinwag::domain::event::EventKind;
use chinwag::domain::message::{Content, Message};
use chinwag::domain::{Code, ConversationId, MessageId, Seq, UserId};

use super::shims::{ApplyOne, Change, Send};
use super::{Fixture, fresh, lane, repeated, seqs};

distributed_conformance!(
    an_empty_batch_is_nothing,
    each_result_is_in_its_place,
    a_refused_command_writes_nothing_and_the_others_happen,
    a_command_that_changes_nothing_takes_no_number,
    a_retry_of_a_whole_batch_changes_nothing,
    a_membership_version_rises_once_for_each_change,
    batches_that_overlap_leave_no_gap_and_no_deadlock;
    plain: a_thousand_commands_are_one_batch,
);

async fn apply(store: &Fixture, batch: &[Change]) -> Vec<super::Result<Outcome>> {
    let outcomes = store.apply(lane(&*store.store, batch[0].conversation_id), batch.into()).await.unwrap();
    assert_eq!(outcomes.len(), batch.len());
    outcomes
}

/// Groups of ada (owner) and bob (member), with a message of bob's in each.
struct Rooms {
    ada: UserId,
    bob: UserId,
    messages: Vec<Message>,
}

impl Rooms {
    async fn new(store: &Fixture, count: usize) -> Self {
        let (ada, bob) = (store.register("ada").await, store.register("bob").await);
        let mut messages = Vec::new();
        for number in 0..count {
            let id = store.group(&format!("room {number}"), ada, &[bob]).await;
            messages.push(store.send(id, bob, &format!("hello, {number}")).await);
        }
        Self { ada, bob, messages }
    }

    fn ids(&self) -> Vec<ConversationId> {
        self.messages.iter().map(|message| message.conversation_id).collect()
    }

    /// Returns bob's edit of his message in the group with this index.
    fn edit(&self, store: &Fixture, room: usize, text: &str) -> Change {
        let Message { conversation_id, id: message_id, .. } = self.messages[room];
        let content = Content::parse(text.to_owned()).unwrap();
        store.change_of(conversation_id, self.bob, Action::EditMessage { message_id, content })
    }

    fn delete(&self, store: &Fixture, room: usize) -> Change {
        let Message { conversation_id, id: message_id, .. } = self.messages[room];
        store.change_of(conversation_id, self.bob, Action::DeleteMessage { message_id })
    }

    /// Returns ada's command in the group with this index.
    fn adas(&self, store: &Fixture, room: usize, action: Action) -> Change {
        store.change_of(self.messages[room].conversation_id, self.ada, action)
    }
}

fn add(user_id: UserId) -> Action {
    Action::AddMember { user_id, role: Role::Member }
}

fn rename(name: &str) -> Action {
    Action::Rename { name: GroupName::parse(name).unwrap() }
}

/// Returns number and kind of the event that a command caused, or the reason why it caused none.
fn summary(outcome: &super::Result<Outcome>) -> Result<(Seq, EventKind), String> {
    match outcome {
        Ok(Outcome::Committed(event)) => Ok((event.seq, event.kind.clone())),
        Ok(Outcome::Duplicate(_)) => Err("duplicate".to_owned()),
        Ok(Outcome::Merged) => Err("merged".to_owned()),
        Ok(Outcome::NoChange) => Err("no change".to_owned()),
        Err(error) => Err(format!("{:?}", error.code)),
    }
}

/// Returns all that the store shows of these conversations and users.
async fn shown(store: &Fixture, ids: &[ConversationId], users: &[UserId]) -> Vec<String> {
    let mut shown = Vec::new();
    for &id in ids {
        shown.push(format!("{:?}", store.conversation(id).await.unwrap()));
        shown.push(format!("{:?}", store.members(id, None, 10).await.unwrap()));
        shown.push(format!("{:?}", store.events(id, 0, 100).await.unwrap()));
    }
    for &user_id in users {
        shown.push(format!("{user_id}: {}", store.membership_version(user_id).await.unwrap()));
    }
    shown
}

async fn an_empty_batch_is_nothing(store: &Fixture) {
    assert_eq!(store.apply(0, Arc::new([])).await, Ok(Vec::new()));
}

async fn each_result_is_in_its_place(store: &Fixture) {
    let rooms = Rooms::new(store, 7).await;
    let cat = store.register("cat").await;
    // So that the groups have different numbers.
    for (room, id) in rooms.ids().into_iter().enumerate() {
        for _ in 0..room {
            store.send(id, rooms.ada, "and more").await;
        }
    }
    let set_role = |role| Action::SetRole { user_id: rooms.bob, role };
    let batch = [
        rooms.adas(store, 4, rename("a name")),
        rooms.edit(store, 0, "edited"),
        rooms.adas(store, 6, set_role(Role::Owner)),
        rooms.adas(store, 2, add(cat)),
        rooms.delete(store, 5),
        rooms.adas(store, 1, Action::RemoveMember { user_id: rooms.bob }),
        rooms.adas(store, 3, set_role(Role::Admin)),
    ];
    let outcomes = apply(store, &batch).await;
    assert_eq!(
        outcomes.iter().map(summary).collect::<Vec<_>>(),
        [
            Ok((6, EventKind::ConversationUpdated)),
            Ok((2, EventKind::MessageUpdated)),
            Ok((8, EventKind::MemberUpdated)),
            Ok((4, EventKind::MemberAdded)),
            Ok((7, EventKind::MessageDeleted)),
            Ok((3, EventKind::MemberRemoved)),
            Ok((5, EventKind::MemberUpdated)),
        ]
    );
    for (outcome, command) in outcomes.iter().zip(&batch) {
        let event = outcome.as_ref().unwrap().event().unwrap();
        assert_eq!(event.conversation_id, command.conversation_id);
        let stored = store.events(event.conversation_id, event.seq - 1, 10).await.unwrap();
        assert_eq!(stored, std::slice::from_ref(event), "it is the last one, as it was answered");
        assert_eq!(store.head(event.conversation_id).await.unwrap(), Some(event.seq));
        let message = event.message.as_ref().unwrap();
        match command.action {
            Action::EditMessage { message_id, .. } | Action::DeleteMessage { message_id } => {
                assert_eq!(message.id, message_id);
            }
            _ => assert_eq!((message.id, message.sender_id), (command.id, rooms.ada)),
        }
    }
    let role = async |room: usize, user_id| {
        store.member(rooms.messages[room].conversation_id, user_id).await.unwrap().map(|member| member.role)
    };
    assert_eq!((role(6, rooms.bob).await, role(6, rooms.ada).await), (Some(Role::Owner), Some(Role::Admin)));
    assert_eq!((role(2, cat).await, role(1, rooms.bob).await), (Some(Role::Member), None));
    assert_eq!((role(3, rooms.bob).await, role(3, rooms.ada).await), (Some(Role::Admin), Some(Role::Owner)));
    let conversation =
        async |room: usize| store.conversation(rooms.messages[room].conversation_id).await.unwrap().unwrap();
    assert_eq!(conversation(4).await.name, Some(GroupName::parse("a name").unwrap()));
    let mut counts = Vec::new();
    for room in 0..7 {
        counts.push(conversation(room).await.member_count);
    }
    assert_eq!(counts, [2, 1, 3, 2, 2, 2, 2]);
}

async fn a_refused_command_writes_nothing_and_the_others_happen(store: &Fixture) {
    let rooms = Rooms::new(store, 9).await;
    let (cat, eve) = (store.register("cat").await, store.register("eve").await);
    let ids = rooms.ids();
    let stranger = |change: Change| Change { actor_id: eve, ..change };
    let elsewhere = rooms.messages[0].id;
    let batch = [
        rooms.edit(store, 0, "edited"),
        stranger(rooms.edit(store, 1, "a stranger's")),
        store.change_of(ids[2], rooms.bob, rename("a member's")),
        rooms.adas(store, 3, add(UserId::new())),
        rooms.adas(store, 4, add(cat)),
        store.change_of(ConversationId::new(), rooms.ada, rename("nowhere")),
        store.change_of(ids[5], rooms.bob, Action::DeleteMessage { message_id: elsewhere }),
        rooms.adas(store, 6, Action::RemoveMember { user_id: cat }),
        // The id of another user's message.
        Change { id: rooms.messages[7].id, ..rooms.adas(store, 7, add(cat)) },
        rooms.delete(store, 8),
    ];
    let refused = [ids[1], ids[2], ids[3], ids[5], ids[6], ids[7]];
    let before = shown(store, &refused, &[rooms.ada, rooms.bob, eve]).await;
    let outcomes = apply(store, &batch).await;
    let code = |code: Code| Err(format!("{code:?}"));
    assert_eq!(
        outcomes.iter().map(summary).collect::<Vec<_>>(),
        [
            Ok((2, EventKind::MessageUpdated)),
            code(Code::NotFound),
            code(Code::Forbidden),
            code(Code::Invalid),
            Ok((2, EventKind::MemberAdded)),
            code(Code::NotFound),
            code(Code::NotFound),
            code(Code::NotFound),
            code(Code::IdTaken),
            Ok((2, EventKind::MessageDeleted)),
        ]
    );
    assert_eq!(shown(store, &refused, &[rooms.ada, rooms.bob, eve]).await, before);
    assert_eq!(store.membership_version(cat).await.unwrap(), 1);
    for (room, text) in [(0, "edited"), (4, "hello, 4"), (8, "")] {
        let message = store.message(ids[room], rooms.messages[room].id).await.unwrap().unwrap();
        assert_eq!(message.content, text);
        assert_eq!(store.send(ids[room], rooms.ada, "next").await.seq, 3);
    }
}

async fn a_command_that_changes_nothing_takes_no_number(store: &Fixture) {
    let rooms = Rooms::new(store, 6).await;
    let gone = fresh(apply(store, &[rooms.delete(store, 5)]).await.remove(0));
    let batch = [
        rooms.edit(store, 0, "hello, 0"),
        rooms.adas(store, 1, add(rooms.bob)),
        rooms.adas(store, 2, rename("room 2")),
        rooms.adas(store, 3, Action::SetRole { user_id: rooms.bob, role: Role::Member }),
        rooms.edit(store, 4, "a change among them"),
        rooms.delete(store, 5),
    ];
    let untouched = [0, 1, 2, 3, 5].map(|room| rooms.messages[room].conversation_id);
    let before = shown(store, &untouched, &[rooms.ada, rooms.bob]).await;
    // With a change among them, and without one.
    for changes in [true, false] {
        let mut outcomes = apply(store, &batch).await.into_iter();
        assert_eq!(repeated(outcomes.next().unwrap()), rooms.messages[0]);
        for _ in 1..4 {
            assert_eq!(outcomes.next(), Some(Ok(Outcome::NoChange)));
        }
        let changed = outcomes.next().unwrap();
        let message = if changes { fresh(changed) } else { repeated(changed) };
        assert_eq!((message.seq, message.content.as_str()), (1, "a change among them"));
        assert_eq!(repeated(outcomes.next().unwrap()), gone);
        assert_eq!(shown(store, &untouched, &[rooms.ada, rooms.bob]).await, before);
        assert_eq!(store.head(message.conversation_id).await.unwrap(), Some(2));
    }
}

async fn a_retry_of_a_whole_batch_changes_nothing(store: &Fixture) {
    let rooms = Rooms::new(store, 6).await;
    let cat = store.register("cat").await;
    let users = [rooms.ada, rooms.bob, cat];
    let batch = [
        rooms.adas(store, 0, add(cat)),
        rooms.edit(store, 1, "edited"),
        rooms.adas(store, 2, Action::RemoveMember { user_id: rooms.bob }),
        rooms.delete(store, 3),
        rooms.adas(store, 4, Action::SetRole { user_id: rooms.bob, role: Role::Owner }),
        rooms.adas(store, 5, rename("another name")),
    ];
    let first: Vec<Message> = apply(store, &batch).await.into_iter().map(fresh).collect();
    let before = shown(store, &rooms.ids(), &users).await;
    let again: Vec<Message> = apply(store, &batch).await.into_iter().map(repeated).collect();
    assert_eq!(again, first);
    assert_eq!(shown(store, &rooms.ids(), &users).await, before);

    // From another process, mixed with new commands and after later changes.
    store.remove(rooms.messages[0].conversation_id, rooms.ada, cat).await;
    fresh(apply(store, &[rooms.adas(store, 5, rename("a third name"))]).await.remove(0));
    let before = shown(store, &rooms.ids(), &users).await;
    let another = store.another().await;
    let elsewhere = store.group("elsewhere", rooms.ada, &[]).await;
    let mut batch: Vec<Change> = batch.into_iter().rev().collect();
    batch.insert(2, store.change_of(elsewhere, rooms.ada, rename("new")));
    let mut outcomes = another.apply(0, batch.into()).await.unwrap();
    assert_eq!(fresh(outcomes.remove(2)).seq, 1);
    let again: Vec<Message> = outcomes.into_iter().rev().map(repeated).collect();
    assert_eq!(again, first);
    let versions = async |users: &[UserId]| shown(store, &[], users).await;
    assert_eq!(versions(&[rooms.bob, cat]).await, before[before.len() - 2..], "cat stays out, and bob too");
    assert_eq!(shown(store, &rooms.ids(), &[]).await, before[..before.len() - 3]);
}

async fn a_membership_version_rises_once_for_each_change(store: &Fixture) {
    let rooms = Rooms::new(store, 6).await;
    let (cat, dan) = (store.register("cat").await, store.register("dan").await);
    let remove = Action::RemoveMember { user_id: rooms.bob };
    let version = async |user_id| store.membership_version(user_id).await.unwrap();
    let before = [version(rooms.ada).await, version(rooms.bob).await, version(cat).await, version(dan).await];
    assert_eq!(before, [6, 6, 0, 0]);
    let batch = [
        rooms.adas(store, 0, add(cat)),
        rooms.adas(store, 1, remove.clone()),
        rooms.adas(store, 2, add(cat)),
        rooms.adas(store, 3, add(dan)),
        rooms.adas(store, 4, add(cat)),
        rooms.adas(store, 5, remove),
    ];
    apply(store, &batch).await.into_iter().for_each(|outcome| drop(fresh(outcome)));
    let after = [version(rooms.ada).await, version(rooms.bob).await, version(cat).await, version(dan).await];
    assert_eq!(after, [6, 8, 3, 1]);
    let listed = store.conversation_ids(cat, ConversationId::FIRST, 10).await.unwrap();
    let mut added = [0, 2, 4].map(|room| rooms.messages[room].conversation_id);
    added.sort_unstable();
    assert_eq!(listed, added);
}

async fn batches_that_overlap_leave_no_gap_and_no_deadlock(store: &Fixture) {
    const TASKS: usize = 4;
    const SIZE: usize = 16;
    // One set of groups for all tasks, and one for each task, so that they also meet at the users alone.
    let rooms = Rooms::new(store, SIZE * (1 + TASKS)).await;
    let mut guests = Vec::new();
    for number in 0..SIZE {
        guests.push(store.register(&format!("guest{number}")).await);
    }
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (adapter, lane) = (adapters[task % 2].clone(), task / 2 % store.lanes());
            let batches: Vec<Vec<Change>> = (0..32)
                .map(|round| {
                    let is_shared = round % 2 == 0;
                    let first = if is_shared { 0 } else { SIZE * (1 + task) };
                    let mut batch: Vec<Change> = (first..first + SIZE)
                        .zip(&guests)
                        .map(|(room, &user_id)| match (round / 2 + room) % 4 {
                            0 if is_shared => rooms.edit(store, room, &format!("{task}, {round}")),
                            0 | 1 => rooms.adas(store, room, add(user_id)),
                            _ => rooms.adas(store, room, Action::RemoveMember { user_id }),
                        })
                        .collect();
                    // Conversations and users in opposite orders: nodes that lock in the order of the batch would deadlock.
                    if task % 2 == 1 {
                        batch.reverse();
                    }
                    batch
                })
                .collect();
            tokio::spawn(async move {
                let mut events = 0;
                for batch in batches {
                    // Without a retry, which would hide a deadlock.
                    for outcome in adapter.apply(lane, batch.into()).await.unwrap() {
                        match outcome {
                            Ok(Outcome::Committed(_)) => events += 1,
                            Ok(Outcome::Merged | Outcome::NoChange) => {}
                            Ok(Outcome::Duplicate(message)) => {
                                panic!("no other task has committed this one: {message:?}")
                            }
                            Err(error) => assert_eq!(error.code, Code::NotFound, "removed by another: {error}"),
                        }
                    }
                }
                events
            })
        })
        .collect();
    let mut caused = 0;
    for task in tasks {
        caused += task.await.unwrap();
    }
    let mut times_moved: HashMap<UserId, i64> = HashMap::new();
    let mut stored = 0;
    for id in rooms.ids() {
        let events = store.events(id, 1, 1_000).await.unwrap();
        let numbers: Vec<Seq> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (2..).take(events.len()).collect::<Vec<_>>());
        assert_eq!(store.head(id).await.unwrap(), Some(1 + i64::try_from(events.len()).unwrap()));
        stored += events.len();
        for event in events.iter().filter(|event| event.is_message()) {
            let user_id = event.message.as_ref().unwrap().note.as_ref().unwrap().user_id().unwrap();
            *times_moved.entry(user_id).or_default() += 1;
        }
        let count = i64::try_from(store.members(id, None, 100).await.unwrap().len()).unwrap();
        assert_eq!(store.conversation(id).await.unwrap().unwrap().member_count, count);
    }
    assert_eq!(stored, caused);
    for user_id in guests {
        let expected = times_moved.get(&user_id).copied().unwrap_or_default();
        assert_eq!(store.membership_version(user_id).await.unwrap(), expected);
    }
}

async fn a_thousand_commands_are_one_batch(store: &Fixture) {
    const MANY: usize = 1_000;
    let (ada, cat) = (store.register("ada").await, store.register("cat").await);
    let mut ids = Vec::new();
    for number in 0..MANY {
        ids.push(store.group(&format!("{number}"), ada, &[]).await);
    }
    let sends: Vec<Send> = ids.iter().map(|id| store.send_of(*id, ada, "hello")).collect();
    let messages: HashMap<ConversationId, MessageId> =
        sends.iter().map(|send| (send.conversation_id, send.id)).collect();
    store.commit(0, sends.into()).await.unwrap().into_iter().for_each(|outcome| drop(fresh(outcome)));
    let command = |(number, id): (usize, &ConversationId)| {
        let content = Content::parse(format!("edited, {number}")).unwrap();
        let action = match number % 4 {
            0 => add(cat),
            1 => rename("another name"),
            _ => Action::EditMessage { message_id: messages[id], content },
        };
        store.change_of(*id, ada, action)
    };
    let batch: Vec<Change> = ids.iter().enumerate().map(command).collect();
    for (outcome, command) in apply(store, &batch).await.into_iter().zip(&batch) {
        let Ok(Outcome::Committed(event)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((event.conversation_id, event.seq), (command.conversation_id, 2));
    }
    assert!(apply(store, &batch).await.into_iter().all(|outcome| matches!(outcome, Ok(Outcome::Duplicate(_)))));
    assert!(store.heads_of(&ids).await.unwrap().into_iter().all(|(_, head)| head == 2));
    assert_eq!(store.membership_version(cat).await.unwrap(), i64::try_from(MANY / 4).unwrap());
    for (number, id) in ids.iter().enumerate().skip(2).step_by(97) {
        let history = store.all(*id).await;
        match number % 4 {
            0 | 1 => assert_eq!(seqs(&history), [1, 2]),
            _ => assert_eq!((history.len(), &history[0].content), (1, &format!("edited, {number}"))),
        }
    }
}
