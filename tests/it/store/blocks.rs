//! Blocks.

use chinwag::domain::account::Tombstone;
use chinwag::domain::block::NewBlock;
use chinwag::domain::command::Action;
use chinwag::domain::message::Content;
use chinwag::domain::rules::contact::declined;
use chinwag::domain::session::Caller;
use chinwag::domain::{Code, MessageId, Result, UserId};
use chinwag::limits::BLOCKS_PER_USER_MAX;
use chinwag::store::Store;
use futures_util::future::join_all;

use super::{Fixture, commit_one, fresh, refused, refused_field, repeated};

distributed_conformance!(
    a_block_is_kept_in_both_directions,
    versions_count_what_hides_presence_and_shows_it_again,
    blocks_are_listed_by_username,
    blocks_have_a_bound,
    a_block_refuses_new_texts_in_the_direct_conversation_alone,
    a_deletion_ends_blocks,
    changes_at_once_from_two_processes_leave_the_mark_right,
    no_message_is_numbered_after_a_block,
);

async fn block(store: &Fixture, user_id: UserId, blocked_id: UserId) -> Result<bool> {
    store.insert_block(&NewBlock { user_id, blocked_id, created_at: store.now() }).await
}

async fn with(store: &dyn Store, user_id: UserId, ids: &[UserId]) -> Vec<UserId> {
    let mut found = store.blocks_with(user_id, ids).await.unwrap();
    found.sort();
    found
}

async fn a_block_is_kept_in_both_directions(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    store.group("Lunch", ada, &[cat]).await;
    assert_eq!(block(store, ada, bob).await, Ok(true), "the first");
    assert_eq!(block(store, ada, bob).await, Ok(false), "again");
    assert_eq!(block(store, bob, ada).await, Ok(false), "they are blocked already");
    assert_eq!(with(&**store, ada, &[bob, cat]).await, [bob]);
    assert_eq!(with(&**store, bob, &[ada, cat]).await, [ada]);
    assert_eq!(with(&**store, cat, &[ada, bob]).await, []);
    assert_eq!(with(&**store, ada, &[]).await, []);

    assert_eq!(store.delete_block(ada, cat).await, Ok(false), "there is none");
    assert_eq!(store.delete_block(ada, bob).await, Ok(false), "the other one is left");
    assert_eq!(with(&**store, ada, &[bob]).await, [bob]);
    assert_eq!(store.delete_block(bob, ada).await, Ok(true), "the last");
    assert_eq!(store.delete_block(bob, ada).await, Ok(false), "again");
    assert_eq!(with(&**store, ada, &[bob]).await, []);

    assert_eq!(refused(block(store, ada, UserId::new()).await), Code::NotFound);
    assert_eq!(refused(block(store, UserId::new(), ada).await), Code::NotFound);
    assert_eq!(store.blocks(ada, None, 9).await.unwrap(), []);
}

async fn versions_count_what_hides_presence_and_shows_it_again(store: &Fixture) {
    let users = [store.register("ada").await, store.register("bob").await, store.register("cat").await];
    let [ada, bob, cat] = users;
    let counted = async || {
        let versions = store.versions(&users).await.unwrap();
        users.map(|user_id| versions.iter().find(|versions| versions.user_id == user_id).unwrap().blocks)
    };
    assert_eq!(counted().await, [0, 0, 0]);
    block(store, ada, bob).await.unwrap();
    assert_eq!(counted().await, [1, 1, 0]);
    block(store, ada, bob).await.unwrap();
    block(store, bob, ada).await.unwrap();
    store.delete_block(ada, cat).await.unwrap();
    store.delete_block(ada, bob).await.unwrap();
    assert_eq!(counted().await, [1, 1, 0], "they are blocked as before");
    store.delete_block(bob, ada).await.unwrap();
    assert_eq!(counted().await, [2, 2, 0]);
    store.delete_block(bob, ada).await.unwrap();
    block(store, cat, ada).await.unwrap();
    assert_eq!(counted().await, [3, 2, 1]);
    let session = store.login(ada).await;
    let caller = Caller { user_id: ada, session_id: session.id, expires_at: session.expires_at };
    assert_eq!(store.connect_snapshot(&caller, None, 1).await.unwrap().unwrap().blocks_version, 3);
}

async fn blocks_are_listed_by_username(store: &Fixture) {
    let ada = store.register("ada").await;
    for name in ["zoe", "Bob", "cid"] {
        let id = store.register(name).await;
        block(store, ada, id).await.unwrap();
    }
    let names = async |after: Option<&str>, limit| {
        let blocks = store.blocks(ada, after, limit).await.unwrap();
        blocks.iter().map(|block| block.user.username.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(None, 9).await, "Bob cid zoe");
    assert_eq!(names(None, 2).await, "Bob cid");
    assert_eq!(names(Some("cid"), 9).await, "zoe");
}

async fn blocks_have_a_bound(store: &Fixture) {
    const AT_ONCE: usize = 20;
    let ada = store.register("ada").await;
    let names: Vec<String> = (0..=BLOCKS_PER_USER_MAX).map(|number| format!("other{number}")).collect();
    let mut others = Vec::new();
    // A thousand at once would wait for longer than a statement may take, and the blocks all lock Ada.
    for some in names.chunks(AT_ONCE) {
        others.extend(join_all(some.iter().map(|name| store.register(name))).await);
    }
    let (last, rest) = others.split_last().unwrap();
    for some in rest.chunks(AT_ONCE) {
        for result in join_all(some.iter().map(|id| block(store, ada, *id))).await {
            assert_eq!(result, Ok(true));
        }
    }
    assert_eq!(refused_field(block(store, ada, *last).await), "user_id");
    assert_eq!(with(&**store, ada, &[*last]).await, [], "what is refused leaves nothing");
    assert_eq!(block(store, ada, rest[0]).await, Ok(false), "one that exists stays");
    store.delete_block(ada, rest[0]).await.unwrap();
    assert_eq!(block(store, ada, *last).await, Ok(true));
}

async fn a_block_refuses_new_texts_in_the_direct_conversation_alone(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let (direct, other) = (store.direct(ada, bob).await, store.direct(ada, cat).await);
    let room = store.group("Lunch", ada, &[bob, cat]).await;
    let sent = store.send_of(direct, bob, "hello");
    let message = fresh(store.commit_one(&sent).await);
    block(store, ada, bob).await.unwrap();
    for sender in [ada, bob] {
        assert_eq!(store.commit_one(&store.send_of(direct, sender, "hi")).await, Err(declined()));
        let mut answer = store.send_of(direct, sender, "hi");
        answer.reply_to = Some(MessageId::new());
        assert_eq!(store.commit_one(&answer).await, Err(declined()), "nothing is looked up for it");
        store.send(room, sender, "to all").await;
    }
    assert_eq!(repeated(store.commit_one(&sent).await), message, "a retry of what was sent before");
    store.send(other, cat, "hi").await;
    let edit = |text: &str| {
        let content = Content::parse(text.to_owned()).unwrap();
        Action::EditMessage { message_id: message.id, content }
    };
    assert_eq!(store.alter(direct, bob, edit("bye")).await, Err(declined()));
    assert_eq!(repeated(store.alter(direct, bob, edit("hello")).await), message);

    // The conversation stays closed until the last block ends.
    block(store, bob, ada).await.unwrap();
    store.delete_block(ada, bob).await.unwrap();
    assert_eq!(store.commit_one(&store.send_of(direct, ada, "hi")).await, Err(declined()));
    assert_eq!(fresh(store.alter(direct, bob, Action::DeleteMessage { message_id: message.id }).await).content, "");
    store.delete_block(bob, ada).await.unwrap();
    assert_eq!(store.send(direct, ada, "hi").await.seq, 3, "what was refused has no number");
    store.send(direct, bob, "hi").await;
}

async fn a_deletion_ends_blocks(store: &Fixture) {
    for (index, is_blocker) in [true, false].into_iter().enumerate() {
        let (ada, bob) = (store.register(&format!("ada{index}")).await, store.register(&format!("bob{index}")).await);
        let direct = store.direct(ada, bob).await;
        block(store, ada, bob).await.unwrap();
        let (gone, left) = if is_blocker { (ada, bob) } else { (bob, ada) };
        assert!(store.delete_user(gone, &Tombstone::new(), store.now()).await.unwrap().is_some());
        assert_eq!(store.blocks(left, None, 9).await.unwrap(), [], "at once");
        store.sweep(gone).await;
        assert_eq!(with(&**store, left, &[gone]).await, []);
        store.send(direct, left, "hello").await;
        assert_eq!(refused(block(store, left, gone).await), Code::NotFound);
    }
}

async fn changes_at_once_from_two_processes_leave_the_mark_right(store: &Fixture) {
    let another = store.another().await;
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let direct = store.direct(ada, bob).await;
    for round in 0..20 {
        block(store, ada, bob).await.unwrap();
        let new = NewBlock { user_id: bob, blocked_id: ada, created_at: store.now() };
        let (ended, made) = tokio::join!(store.delete_block(ada, bob), another.insert_block(&new));
        assert!(ended.is_ok() && made.is_ok(), "{ended:?} {made:?}");
        assert!(store.member(direct, ada).await.unwrap().unwrap().is_blocked, "{round}");
        let (one, other) = tokio::join!(store.delete_block(bob, ada), another.delete_block(ada, bob));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert!(!store.member(direct, ada).await.unwrap().unwrap().is_blocked, "{round}");
    }
}

async fn no_message_is_numbered_after_a_block(store: &Fixture) {
    let another = store.another().await;
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let direct = store.direct(ada, bob).await;
    for _ in 0..10 {
        let sends: Vec<_> = (0..20).map(|number| store.send_of(direct, bob, &number.to_string())).collect();
        let sending = async {
            for send in &sends {
                if commit_one(&*another, send).await.is_err() {
                    break;
                }
            }
        };
        let blocking = async {
            assert_eq!(block(store, ada, bob).await, Ok(true));
            store.head(direct).await.unwrap()
        };
        let ((), head) = tokio::join!(sending, blocking);
        assert_eq!(store.head(direct).await.unwrap(), head);
        store.delete_block(ada, bob).await.unwrap();
    }
}
