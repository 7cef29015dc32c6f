//! Members and co-members.

use std::collections::HashSet;

use chinwag::domain::conversation::{Member, Role};
use chinwag::domain::{ConversationId, UserId};
use chinwag::limits;

use super::Fixture;

const FIRST: ConversationId = ConversationId::FIRST;

distributed_conformance!(
    a_member_is_kept_as_they_are,
    pages_of_members_neither_repeat_nor_skip,
    co_members_are_those_one_shares_a_small_conversation_with,
    large_conversations_are_left_out,
    the_least_receipts_of_others_are_found,
);

async fn a_member_is_kept_as_they_are(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("Bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[]).await;
    let note = store.add(id, ada, bob, Role::Admin).await;
    let expected = Member {
        user: store.user(bob).await.unwrap().unwrap(),
        role: Role::Admin,
        joined_at: note.timestamp,
        joined_seq: note.seq,
        delivered_seq: note.seq,
        read_seq: note.seq,
        is_blocked: false,
    };
    assert_eq!(store.member(id, bob).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.members(id, Some("ada"), 10).await.unwrap(), [expected]);
    assert_eq!(store.member(id, eve).await.unwrap(), None);
    assert_eq!(store.member(ConversationId::new(), ada).await.unwrap(), None);
}

async fn pages_of_members_neither_repeat_nor_skip(store: &Fixture) {
    let mut ids = Vec::new();
    let expected = ["a-a", "A.A", "a0", "A_a", "aa", "B-b", "b.b", "x1"];
    for username in expected.iter().rev() {
        ids.push(store.register(username).await);
    }
    let id = store.group("Lunch", ids[0], &ids[1..]).await;
    store.group("elsewhere", store.register("aaa").await, &[]).await;
    for limit in [1, 2, 3, 100] {
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = store.members(id, after.as_deref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.user.username.key());
            seen.extend(page.into_iter().map(|member| member.user.username.as_str().to_owned()));
        }
        assert_eq!(seen, expected, "by {limit}");
    }
}

async fn co_members_are_those_one_shares_a_small_conversation_with(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let eve = store.register("eve").await;
    let group = store.group("Lunch", ada, &[bob, cat]).await;
    let pair = store.direct(ada, bob).await;
    store.group("elsewhere", bob, &[eve]).await;

    let co_members = store.co_members(ada, 100).await.unwrap();
    assert_eq!(co_members.len(), 2, "each once, and not oneself");
    assert_eq!(co_members.into_iter().collect::<HashSet<_>>(), HashSet::from([bob, cat]));
    assert_eq!(store.co_members(ada, 1).await.unwrap().len(), 1);
    assert_eq!(store.co_members(UserId::new(), 10).await.unwrap(), []);
    let small = store.small_conversations(ada, FIRST, 100).await.unwrap();
    assert_eq!(small.into_iter().collect::<HashSet<_>>(), HashSet::from([group, pair]));
    assert_eq!(store.small_conversations(ada, FIRST, 1).await.unwrap().len(), 1);
    let users = [ada, cat, UserId::new()];
    let of_each = |limit| store.small_conversations_of(&users, limit);
    let small: HashSet<_> = of_each(100).await.unwrap().into_iter().collect();
    assert_eq!(small, HashSet::from([(ada, group), (ada, pair), (cat, group)]));
    let first: HashSet<_> = of_each(1).await.unwrap().into_iter().collect();
    assert_eq!(first, HashSet::from([(ada, group.min(pair)), (cat, group)]), "the first of each");

    store.remove(group, ada, cat).await;
    assert_eq!(store.co_members(ada, 100).await.unwrap(), [bob]);
    assert_eq!(store.co_members(cat, 100).await.unwrap(), []);
    assert_eq!(store.small_conversations(cat, FIRST, 100).await.unwrap(), []);
}

async fn large_conversations_are_left_out(store: &Fixture) {
    let ada = store.register("ada").await;
    let most = usize::try_from(limits::SMALL_CONVERSATION_MEMBERS_MAX).unwrap();
    let mut others = Vec::new();
    for index in 0..most {
        others.push(store.register(&format!("member{index}")).await);
    }
    let last = others.pop().unwrap();
    let id = store.group("as large as may be", ada, &others).await;
    assert_eq!(store.co_members(ada, 1_000).await.unwrap().len(), most - 1);
    assert_eq!(store.small_conversations(ada, FIRST, 10).await.unwrap(), [id]);
    assert_eq!(store.small_conversations_of(&[ada], 10).await.unwrap(), [(ada, id)]);
    store.add(id, ada, last, Role::Member).await;
    assert_eq!(store.co_members(ada, 1_000).await.unwrap(), []);
    assert_eq!(store.small_conversations(ada, FIRST, 10).await.unwrap(), []);
    assert_eq!(store.small_conversations_of(&[ada], 10).await.unwrap(), []);
    store.remove(id, ada, last).await;
    assert_eq!(store.small_conversations(ada, FIRST, 10).await.unwrap(), [id]);
}

async fn the_least_receipts_of_others_are_found(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let alone = store.group("alone", ada, &[]).await;
    assert_eq!(store.receipts_of_others(alone, ada).await.unwrap(), None);
    assert_eq!(store.receipts_of_others(ConversationId::new(), ada).await.unwrap(), None);

    let id = store.group("Lunch", ada, &[bob, cat]).await;
    store.send(id, ada, "one").await;
    store.send(id, bob, "two").await;
    assert_eq!(store.receipts_of_others(id, ada).await.unwrap(), Some((0, 0)));
    store.send(id, cat, "three").await;
    assert_eq!(store.receipts_of_others(id, ada).await.unwrap(), Some((2, 2)));
    assert_eq!(store.receipts_of_others(id, bob).await.unwrap(), Some((1, 1)));
}
