//! Creating and viewing conversations.

use std::collections::HashSet;

use chinwag::domain::conversation::{Conversation, ConversationKind, CreatedConversation, Role};
use chinwag::domain::{Code, ConversationId, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::Range;

use super::{Fixture, created, fresh, refused, refused_field};

distributed_conformance!(
    a_group_is_kept_as_it_is,
    a_direct_pair_is_unique_whoever_asks,
    a_direct_pair_is_unique_when_both_ask_at_once,
    making_a_conversation_again_changes_nothing,
    an_id_belongs_to_the_creator_of_its_conversation,
    an_unknown_member_is_refused_and_nothing_is_kept,
    making_a_conversation_raises_membership_versions,
    a_view_shows_what_its_member_sees,
    a_direct_view_shows_the_other_person,
    unread_counts_messages_of_others_up_to_a_bound,
    views_come_by_latest_activity,
    pages_of_views_neither_repeat_nor_skip,
    pages_of_ids_neither_repeat_nor_skip,
    heads_are_the_newest_numbers,
    heads_are_told_to_members,
);

pub(super) async fn ids_of_views(store: &Fixture, user_id: UserId) -> Vec<ConversationId> {
    let views = store.conversation_views(user_id, None, 100).await.unwrap();
    views.iter().map(|view| view.conversation.id).collect()
}

async fn a_group_is_kept_as_it_is(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let new = store.new_group("Ŀunch 🍲", ada, &[bob, cat]);
    assert_eq!(store.create_conversation(&new).await, Ok(created(new.id, true)));
    let expected = Conversation {
        id: new.id,
        kind: ConversationKind::Group,
        name: new.name.clone(),
        creator_id: ada,
        created_at: new.created_at,
        member_count: 3,
        last_seq: 0,
        active_at: new.created_at,
    };
    assert_eq!(store.conversation(new.id).await.unwrap(), Some(expected));
    assert_eq!(store.conversation(ConversationId::new()).await.unwrap(), None);
    for (user_id, role) in [(ada, Role::Owner), (bob, Role::Member), (cat, Role::Member)] {
        let member = store.member(new.id, user_id).await.unwrap().unwrap();
        assert_eq!((member.user.id, member.role, member.joined_at), (user_id, role, new.created_at));
        assert_eq!((member.delivered_seq, member.read_seq), (0, 0));
    }
    assert_eq!(store.messages(new.id, Range::Newest, 10).await.unwrap(), []);

    let nameless = super::NewConversation { name: None, ..store.new_group("x", ada, &[]) };
    assert_eq!(store.create_conversation(&nameless).await, Ok(created(nameless.id, true)));
    let kept = store.conversation(nameless.id).await.unwrap().unwrap();
    assert_eq!((kept.name, kept.member_count), (None, 1));
}

async fn a_direct_pair_is_unique_whoever_asks(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let first = store.new_direct(ada, bob);
    assert_eq!(store.create_conversation(&first).await, Ok(created(first.id, true)));
    let version = store.membership_version(bob).await.unwrap();
    for again in [store.new_direct(ada, bob), store.new_direct(bob, ada)] {
        assert_eq!(store.create_conversation(&again).await, Ok(created(first.id, false)));
        assert_eq!(store.conversation(again.id).await.unwrap(), None);
    }
    assert_eq!(store.membership_version(bob).await.unwrap(), version, "nothing changed");
    let kept = store.conversation(first.id).await.unwrap().unwrap();
    assert_eq!((kept.kind, kept.name, kept.member_count), (ConversationKind::Direct, None, 2));
    for user_id in [ada, bob] {
        assert_eq!(store.member(first.id, user_id).await.unwrap().unwrap().role, Role::Member, "equals");
        assert_eq!(ids_of_views(store, user_id).await, [first.id]);
    }
    assert!(store.create_conversation(&store.new_direct(ada, cat)).await.unwrap().is_new, "another pair");
}

async fn a_direct_pair_is_unique_when_both_ask_at_once(store: &Fixture) {
    let another = store.another().await;
    for round in 0..8 {
        let one = store.register(&format!("one{round}")).await;
        let two = store.register(&format!("two{round}")).await;
        let calls: Vec<_> = (0..8)
            .map(|index| {
                let new = if index % 2 == 0 { store.new_direct(one, two) } else { store.new_direct(two, one) };
                let adapter = if index % 4 < 2 { another.clone() } else { store.store.clone() };
                tokio::spawn(async move { adapter.create_conversation(&new).await.unwrap() })
            })
            .collect();
        let mut ids = HashSet::new();
        let mut made = 0;
        for call in calls {
            let CreatedConversation { id, is_new, .. } = call.await.unwrap();
            ids.insert(id);
            made += usize::from(is_new);
        }
        assert_eq!((ids.len(), made), (1, 1), "round {round}");
        assert_eq!(ids_of_views(store, one).await, ids.into_iter().collect::<Vec<_>>());
        assert_eq!(store.membership_version(two).await.unwrap(), 1);
    }
}

async fn making_a_conversation_again_changes_nothing(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    for new in [store.new_group("Lunch", ada, &[bob]), store.new_direct(ada, bob)] {
        assert_eq!(store.create_conversation(&new).await, Ok(created(new.id, true)));
        let before = (store.conversation(new.id).await, store.membership_version(bob).await);
        assert_eq!(store.create_conversation(&new).await, Ok(created(new.id, false)), "an answer was lost");
        assert_eq!((store.conversation(new.id).await, store.membership_version(bob).await), before);
    }
}

async fn an_id_belongs_to_the_creator_of_its_conversation(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let first = store.new_group("Lunch", ada, &[bob]);
    store.create_conversation(&first).await.unwrap();
    let pair = store.new_direct(ada, bob);
    store.create_conversation(&pair).await.unwrap();
    for other in [store.new_group("Mine", bob, &[ada]), store.new_direct(bob, cat), store.new_direct(bob, ada)] {
        let other = super::NewConversation { id: first.id, ..other };
        assert_eq!(refused(store.create_conversation(&other).await), Code::IdTaken);
    }
    // The creator's own id comes before the pair.
    let again = super::NewConversation { id: first.id, ..store.new_direct(ada, bob) };
    assert_eq!(store.create_conversation(&again).await, Ok(created(first.id, false)));
    assert_eq!(store.conversation(first.id).await.unwrap().unwrap().creator_id, ada);
    assert_eq!(store.membership_version(cat).await.unwrap(), 0);
}

async fn an_unknown_member_is_refused_and_nothing_is_kept(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let unknown = UserId::new();
    for new in [store.new_group("Lunch", ada, &[bob, unknown]), store.new_direct(ada, unknown)] {
        assert_eq!(refused_field(store.create_conversation(&new).await), "member_ids");
        assert_eq!(store.conversation(new.id).await.unwrap(), None);
        assert_eq!(store.head(new.id).await.unwrap(), None);
        assert_eq!(store.members(new.id, None, 10).await.unwrap(), []);
    }
    for user_id in [ada, bob] {
        assert_eq!(store.conversation_views(user_id, None, 10).await.unwrap(), []);
        assert_eq!(store.membership_version(user_id).await.unwrap(), 0);
    }
}

async fn making_a_conversation_raises_membership_versions(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    store.group("Lunch", ada, &[bob]).await;
    store.direct(bob, ada).await;
    store.direct(cat, ada).await;
    for (user_id, version) in [(ada, 3), (bob, 2), (cat, 1)] {
        assert_eq!(store.membership_version(user_id).await.unwrap(), version);
    }
}

async fn a_view_shows_what_its_member_sees(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let empty = store.conversation_view(id, bob).await.unwrap().unwrap();
    assert_eq!(empty.conversation, store.conversation(id).await.unwrap().unwrap());
    assert_eq!((empty.role, empty.read_seq, empty.unread_count), (Role::Member, 0, 0));
    assert_eq!((empty.peer, empty.last_message), (None, None));

    store.send(id, ada, "one").await;
    let last = store.send(id, ada, "two").await;
    let bobs = store.conversation_view(id, bob).await.unwrap().unwrap();
    assert_eq!(bobs.conversation, store.conversation(id).await.unwrap().unwrap());
    assert_eq!((bobs.conversation.last_seq, bobs.conversation.active_at), (2, last.timestamp));
    assert_eq!((bobs.role, bobs.read_seq, bobs.unread_count), (Role::Member, 0, 2));
    assert_eq!(bobs.last_message, Some(last.clone()));
    let adas = store.conversation_view(id, ada).await.unwrap().unwrap();
    assert_eq!((adas.role, adas.read_seq, adas.unread_count), (Role::Owner, 2, 0));
    assert_eq!(adas.last_message, Some(last));
    assert_eq!(store.conversation_views(bob, None, 10).await.unwrap(), [bobs]);

    assert_eq!(store.conversation_view(id, eve).await.unwrap(), None);
    assert_eq!(store.conversation_view(ConversationId::new(), ada).await.unwrap(), None);
    assert_eq!(store.conversation_views(eve, None, 10).await.unwrap(), []);
}

async fn a_direct_view_shows_the_other_person(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.direct(ada, bob).await;
    store.set_last_seen(&[bob], Timestamp(1_234_567)).await.unwrap();
    for (user_id, peer_id) in [(ada, bob), (bob, ada)] {
        let peer = store.user(peer_id).await.unwrap();
        assert_eq!(store.conversation_view(id, user_id).await.unwrap().unwrap().peer, peer);
        assert_eq!(store.conversation_views(user_id, None, 10).await.unwrap()[0].peer, peer);
    }
}

async fn unread_counts_messages_of_others_up_to_a_bound(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    store.send(id, bob, "mine, so that all is read").await;
    store.send(id, ada, "another's").await;
    store.add(id, ada, cat, Role::Member).await;
    store.send(id, cat, "another's").await;
    let view = store.conversation_view(id, bob).await.unwrap().unwrap();
    assert_eq!((view.read_seq, view.unread_count), (1, 2), "the note is not counted");
    assert_eq!(view.last_message.unwrap().content, "another's");
    let view = store.conversation_view(id, cat).await.unwrap().unwrap();
    assert_eq!((view.read_seq, view.unread_count), (4, 0));

    let many: Vec<_> = (0..=limits::UNREAD_MAX).map(|n| store.send_of(id, ada, &format!("{n}"))).collect();
    for outcome in store.commit(super::lane(&*store.store, id), many.into()).await.unwrap() {
        fresh(outcome);
    }
    assert_eq!(store.conversation_view(id, bob).await.unwrap().unwrap().unread_count, limits::UNREAD_MAX);
    assert_eq!(store.conversation_views(bob, None, 1).await.unwrap()[0].unread_count, limits::UNREAD_MAX);
    assert_eq!(store.conversation_view(id, ada).await.unwrap().unwrap().unread_count, 0);
}

async fn views_come_by_latest_activity(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let first = store.group("first", ada, &[bob]).await;
    let second = store.group("second", ada, &[]).await;
    let third = store.direct(bob, ada).await;
    assert_eq!(ids_of_views(store, ada).await, [third, second, first]);
    assert_eq!(ids_of_views(store, bob).await, [third, first]);
    store.send(first, bob, "up").await;
    assert_eq!(ids_of_views(store, ada).await, [first, third, second]);
    store.add(second, ada, bob, Role::Member).await;
    assert_eq!(ids_of_views(store, ada).await, [second, first, third]);
    assert_eq!(ids_of_views(store, bob).await, [second, first, third]);
    let newest = store.conversation(second).await.unwrap().unwrap().active_at;
    let late = super::Send { timestamp: Timestamp(1), ..store.send_of(second, ada, "from a clock that is behind") };
    fresh(store.commit_one(&late).await);
    assert_eq!(store.conversation(second).await.unwrap().unwrap().active_at, newest, "never backwards");
}

async fn pages_of_views_neither_repeat_nor_skip(store: &Fixture) {
    let ada = store.register("ada").await;
    let at = store.now();
    let mut expected = Vec::new();
    for index in 0..11 {
        // Several with the same time: then the id decides.
        let created_at = Timestamp(at.0 + index / 4);
        let new = super::NewConversation { created_at, ..store.new_group("x", ada, &[]) };
        store.create_conversation(&new).await.unwrap();
        expected.push((created_at, new.id));
    }
    expected.sort();
    expected.reverse();
    for limit in [1, 2, 3, 5, 100] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store.conversation_views(ada, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            seen.extend(page.iter().map(|view| (view.conversation.active_at, view.conversation.id)));
            if page.is_empty() {
                break;
            }
            after = seen.last().copied();
        }
        assert_eq!(seen, expected, "by {limit}");
    }
}

async fn pages_of_ids_neither_repeat_nor_skip(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    store.group("not hers", bob, &[]).await;
    let mut expected = vec![store.direct(ada, bob).await];
    for number in 0..4 {
        expected.push(store.group(&number.to_string(), ada, &[bob]).await);
        store.group("not hers", bob, &[]).await;
    }
    expected.sort_unstable();
    for limit in [1, 2, 5, 6] {
        let (mut ids, mut small, mut first) = (Vec::new(), Vec::new(), ConversationId::FIRST);
        loop {
            let page = store.conversation_ids(ada, first, limit).await.unwrap();
            small.extend(store.small_conversations(ada, first, limit).await.unwrap());
            let Some(last) = page.last() else { break };
            first = last.next().unwrap();
            ids.extend(page);
        }
        assert_eq!((&ids, &small), (&expected, &expected), "by {limit}");
    }
    assert_eq!(store.conversation_ids(ada, ConversationId::LAST, 10).await.unwrap(), []);
    assert_eq!(store.conversation_ids(UserId::new(), ConversationId::FIRST, 10).await.unwrap(), []);
}

async fn heads_are_the_newest_numbers(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let quiet = store.group("quiet", ada, &[bob]).await;
    let busy = store.group("busy", ada, &[]).await;
    let other = store.group("other", bob, &[]).await;
    for text in ["one", "two", "three"] {
        store.send(busy, ada, text).await;
    }
    store.send(other, bob, "one").await;
    assert_eq!(store.head(other).await.unwrap(), Some(1));
    assert_eq!(store.head(busy).await.unwrap(), Some(3));
    assert_eq!(store.head(quiet).await.unwrap(), Some(0));
    assert_eq!(store.head(ConversationId::new()).await.unwrap(), None);
}

async fn heads_are_told_to_members(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let quiet = store.group("quiet", ada, &[bob]).await;
    let busy = store.group("busy", ada, &[]).await;
    for text in ["one", "two"] {
        store.send(busy, ada, text).await;
    }
    let named = [busy, ConversationId::new(), quiet];
    let mut heads = store.heads_for(ada, &named).await.unwrap();
    heads.sort();
    let mut expected = [(busy, 2), (quiet, 0)];
    expected.sort();
    assert_eq!(heads, expected);
    assert_eq!(store.heads_for(bob, &named).await.unwrap(), [(quiet, 0)]);
    assert_eq!(store.heads_for(ada, &[quiet]).await.unwrap(), [(quiet, 0)], "no others than those named");
    assert_eq!(store.heads_for(ada, &[]).await.unwrap(), []);
    store.add(busy, ada, bob, Role::Member).await;
    assert_eq!(store.heads_for(bob, &[busy]).await.unwrap(), [(busy, 3)]);
}
