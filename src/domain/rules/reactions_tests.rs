//! Tests of the rules of reactions.

use super::super::test_facts;
use super::super::{Decision, Facts, NewEvent, Reactor, RowWrite, Verdict, decide, decide_group, groups};
use crate::domain::command::{Action, Command, Outcome};
use crate::domain::conversation::{ConversationKind, Member, Role};
use crate::domain::emoji::Emoji;
use crate::domain::event::{EventKind, Payload};
use crate::domain::message::{Message, SystemNote};
use crate::domain::reactions::Reactions;
use crate::domain::rules::contact::declined;
use crate::domain::{Code, MessageId, Result, Timestamp, UserId};
use crate::limits;

const THUMB: &str = "\u{1F44D}";
const HEART: &str = "\u{2764}\u{FE0F}";

fn emoji(text: &str) -> Emoji {
    Emoji::parse(text).expect("an emoji")
}

fn message(reactions: &str) -> Message {
    Message { reactions: Reactions::from_trusted(reactions), ..test_facts::message() }
}

fn member() -> Member {
    test_facts::member(UserId::new(), Role::Member)
}

fn facts(message: Message, actor: Option<Member>, has_reacted: bool) -> Facts {
    Facts { has_reacted, ..test_facts::facts(actor, Some(message)) }
}

fn react(message: &Message, actor_id: UserId, text: &str, is_added: bool) -> Command {
    let action = Action::React { message_id: message.id, emoji: emoji(text), is_added };
    let (conversation_id, id) = (message.conversation_id, MessageId::new());
    Command { conversation_id, actor_id, id, timestamp: Timestamp(2), action }
}

/// Decides one reaction.
fn decide_one(
    stored: &Message,
    actor: Option<Member>,
    text: &str,
    is_added: bool,
    has_reacted: bool,
) -> Result<Verdict> {
    let actor_id = actor.as_ref().map_or_else(UserId::new, |actor| actor.user.id);
    decide(&react(stored, actor_id, text, is_added), &facts(stored.clone(), actor, has_reacted))
}

/// Returns the rows and the fields of the event.
#[track_caller]
fn written(verdict: &Result<Verdict>) -> (Vec<RowWrite>, String) {
    let Ok(Verdict::Write(Decision { writes, event })) = verdict else { panic!("{verdict:?}") };
    let NewEvent::Change { kind: EventKind::ReactionsChanged, message: None, payload } = event else {
        panic!("{event:?}")
    };
    (writes.clone(), payload.as_ref().map(Payload::as_str).unwrap_or_default().to_owned())
}

#[test]
fn a_reaction_is_added_once_and_taken_back_once() {
    let (stored, ada) = (message("\u{1F44D} 2"), member());
    let id = ada.user.id;
    let (writes, payload) = written(&decide_one(&stored, Some(ada.clone()), HEART, true, false));
    let counts = format!("{THUMB} 2 {HEART} 1");
    assert_eq!(
        writes,
        [RowWrite::InsertReaction(3, id, emoji(HEART)), RowWrite::SetReactions(3, Reactions::from_trusted(&counts))]
    );
    let expected = format!(
        r#"{{"message_id":"{}","reactions":[{{"emoji":"{THUMB}","count":2}},{{"emoji":"{HEART}","count":1}}],"changes":[{{"user_id":"{id}","emoji":"{HEART}","added":true}}]}}"#,
        stored.id
    );
    assert_eq!(payload, expected);
    let nothing = Ok(Verdict::Nothing(Outcome::NoChange));
    assert_eq!(decide_one(&stored, Some(ada.clone()), THUMB, true, true), nothing, "again");
    assert_eq!(decide_one(&stored, Some(ada.clone()), THUMB, false, false), nothing, "there is none");
    let (writes, payload) = written(&decide_one(&message("\u{1F44D} 1"), Some(ada), THUMB, false, true));
    assert_eq!(
        writes,
        [RowWrite::DeleteReaction(3, id, emoji(THUMB)), RowWrite::SetReactions(3, Reactions::default())]
    );
    assert!(payload.contains(r#""reactions":[],"changes":["#), "{payload}");
}

#[test]
fn who_may_not_react_is_refused() {
    let (stored, ada) = (message("\u{1F44D} 1"), member());
    let code = |stored: &Message, actor, is_added, has_reacted| {
        decide_one(stored, actor, THUMB, is_added, has_reacted).map(drop).map_err(|error| error.code)
    };
    assert_eq!(code(&stored, None, true, false), Err(Code::NotFound));
    let noted = Message { note: Some(SystemNote::MemberRemoved { user_id: ada.user.id }), ..stored.clone() };
    assert_eq!(code(&noted, Some(ada.clone()), true, false), Err(Code::Forbidden));
    let deleted = Message { deleted_at: Some(Timestamp(2)), ..stored.clone() };
    for is_added in [true, false] {
        assert_eq!(code(&deleted, Some(ada.clone()), is_added, !is_added), Err(Code::NotFound));
    }
    let no_message = Facts { message: None, ..facts(stored.clone(), Some(ada.clone()), false) };
    let command = react(&stored, ada.user.id, THUMB, true);
    assert_eq!(decide(&command, &no_message).map_err(|error| error.code), Err(Code::NotFound));

    let blocked = Member { is_blocked: true, ..ada };
    assert_eq!(decide_one(&stored, Some(blocked.clone()), HEART, true, false), Err(declined()));
    assert_eq!(code(&stored, Some(blocked.clone()), true, true), Ok(()), "a retry");
    written(&decide_one(&stored, Some(blocked), THUMB, false, true));
}

#[test]
fn a_message_has_a_bounded_number_of_kinds() {
    let animals = (0x1F400..).filter_map(char::from_u32).map(String::from);
    let animals: Vec<String> =
        animals.filter(|text| Emoji::parse(text).is_ok()).take(limits::REACTION_KINDS_MAX).collect();
    let full = message(&animals.iter().map(|text| format!("{text} 1")).collect::<Vec<_>>().join(" "));
    assert_eq!(full.reactions.counts().len(), limits::REACTION_KINDS_MAX);
    let refused = decide_one(&full, Some(member()), HEART, true, false).expect_err("one kind too many");
    assert_eq!((refused.code, refused.fields[0].field.as_ref()), (Code::Invalid, "emoji"));
    written(&decide_one(&full, Some(member()), &animals[3], true, false));
    written(&decide_one(&full, Some(member()), &animals[3], false, true));
}

#[test]
fn nobody_has_more_than_a_few_kinds_alone() {
    let animals: Vec<Emoji> =
        (0x1F400..).filter_map(char::from_u32).map(|animal| emoji(&animal.to_string())).take(9).collect();
    let alone = limits::REACTION_KINDS_ALONE_MAX;
    let stored = |counts: &[u64]| {
        let kinds = animals.iter().zip(counts).map(|(kind, count)| format!("{kind} {count}"));
        message(&kinds.collect::<Vec<_>>().join(" "))
    };
    let ada = member();
    let may = |stored: &Message, own: &[Emoji], texts: &[(&str, bool)]| {
        let commands: Vec<Command> =
            texts.iter().map(|(text, is_added)| react(stored, ada.user.id, text, *is_added)).collect();
        let reactor = |text: &str| {
            let has_reacted = own.contains(&emoji(text));
            Reactor { actor: Some(ada.clone()), has_reacted, own_kinds: own.to_vec() }
        };
        let mut reactors: Vec<Reactor> = texts.iter().map(|(text, _)| reactor(text)).collect();
        let Reactor { actor, has_reacted, own_kinds } = reactors.remove(0);
        let facts = Facts { own_kinds, ..facts(stored.clone(), actor, has_reacted) };
        let verdicts = decide_group(&commands.iter().collect::<Vec<_>>(), &facts, &reactors);
        verdicts.into_iter().map(|verdict| verdict.map(drop).map_err(|error| error.code)).collect::<Vec<_>>()
    };
    let (full, refused) = (stored(&[1; 5]), Err(Code::Invalid));
    assert_eq!(full.reactions.counts().len(), alone);
    assert_eq!(may(&full, &animals[..alone], &[(HEART, true)]), [refused]);
    assert_eq!(may(&full, &animals[..alone - 1], &[(HEART, true), (THUMB, true)]), [Ok(()), refused], "in a group too");
    assert_eq!(may(&stored(&[2, 1, 1, 1, 1]), &animals[..alone], &[(HEART, true)]), [Ok(())], "one is shared");
    assert_eq!(may(&stored(&[1; 6]), &animals[..alone], &[(animals[5].as_str(), true)]), [Ok(())], "it is there");
    assert_eq!(may(&full, &[], &[(HEART, true)]), [Ok(())], "those of others");
    let swap = [(animals[0].as_str(), false), (HEART, true)];
    assert_eq!(may(&full, &animals[..alone], &swap), [Ok(()), Ok(())], "one is taken back before");
}

#[test]
fn an_admin_removes_a_kind_of_a_group() {
    let stored = message("\u{1F44D} 2 \u{2764}\u{FE0F} 1");
    let clear = |stored: &Message, kind, role, text: &str| {
        let actor = test_facts::member(UserId::new(), role);
        let action = Action::ClearReactions { message_id: stored.id, emoji: emoji(text) };
        let command = Command { action, ..react(stored, actor.user.id, text, false) };
        decide(&command, &Facts { kind, ..facts(stored.clone(), Some(actor), false) })
    };
    let group = ConversationKind::Group;
    for role in [Role::Owner, Role::Admin] {
        let (writes, payload) = written(&clear(&stored, group, role, THUMB));
        let left = Reactions::from_trusted("\u{2764}\u{FE0F} 1");
        assert_eq!(writes, [RowWrite::DeleteReactionsWith(3, emoji(THUMB)), RowWrite::SetReactions(3, left)]);
        let fields = format!(r#"{{"message_id":"{}","reactions":[{{"emoji":"{HEART}","count":1}}]}}"#, stored.id);
        assert_eq!(payload, fields);
    }
    let nothing = Ok(Verdict::Nothing(Outcome::NoChange));
    assert_eq!(clear(&stored, group, Role::Owner, "\u{1F389}"), nothing, "there is none");
    let code = |stored: &Message, kind, role| clear(stored, kind, role, THUMB).map(drop).map_err(|error| error.code);
    assert_eq!(code(&stored, group, Role::Member), Err(Code::Forbidden));
    assert_eq!(code(&stored, ConversationKind::Direct, Role::Member), Err(Code::Forbidden));
    let deleted = Message { deleted_at: Some(Timestamp(2)), ..stored.clone() };
    assert_eq!(code(&deleted, group, Role::Owner), Err(Code::NotFound));
    let noted = Message { note: Some(SystemNote::MemberRemoved { user_id: UserId::new() }), ..stored };
    assert_eq!(code(&noted, group, Role::Owner), Err(Code::Forbidden));
}

#[test]
fn a_group_shares_a_decision_and_each_keeps_its_outcome() {
    let stored = message("\u{1F44D} 1");
    let members: [Member; 4] = std::array::from_fn(|_| member());
    let [ada, bob, cat, dan] = &members;
    let command = |actor: &Member, text, is_added| react(&stored, actor.user.id, text, is_added);
    let stranger = react(&stored, UserId::new(), THUMB, true);
    let commands = [
        stranger,
        command(ada, THUMB, true),
        command(bob, HEART, true),
        command(bob, HEART, false),
        command(cat, THUMB, true),
        command(dan, HEART, true),
    ];
    let reactor =
        |actor: &Member, has_reacted| Reactor { actor: Some(actor.clone()), has_reacted, ..Reactor::default() };
    let others =
        [reactor(ada, true), reactor(bob, false), reactor(bob, false), reactor(cat, false), reactor(dan, false)];
    let commands: Vec<&Command> = commands.iter().collect();
    let verdicts = decide_group(&commands, &facts(stored.clone(), None, false), &others);
    assert_eq!(verdicts[0].as_ref().map_err(|error| error.code), Err(Code::NotFound));
    assert_eq!(verdicts[1], Ok(Verdict::Nothing(Outcome::NoChange)));
    let (writes, payload) = written(&verdicts[2]);
    for verdict in &verdicts[3..] {
        assert_eq!(*verdict, Ok(Verdict::Nothing(Outcome::Merged)));
    }
    let counts = Reactions::from_trusted(&format!("{THUMB} 2 {HEART} 1"));
    assert_eq!(
        writes,
        [
            RowWrite::InsertReaction(3, cat.user.id, emoji(THUMB)),
            RowWrite::InsertReaction(3, dan.user.id, emoji(HEART)),
            RowWrite::SetReactions(3, counts),
        ]
    );
    assert!(!payload.contains(&bob.user.id.to_string()), "what is as before is no change: {payload}");

    let there_and_back = [command(ada, HEART, true), command(ada, HEART, false)];
    let verdicts = decide_group(
        &there_and_back.iter().collect::<Vec<_>>(),
        &facts(stored.clone(), Some(ada.clone()), false),
        &[reactor(ada, false)],
    );
    assert_eq!(verdicts, vec![Ok(Verdict::Nothing(Outcome::NoChange)); 2]);
}

#[test]
fn large_conversations_and_large_events_name_nobody() {
    let stored = message("");
    let payload_of = |members: usize, member_count: i64| {
        let members: Vec<Member> = (0..members).map(|_| member()).collect();
        let commands: Vec<Command> = members.iter().map(|member| react(&stored, member.user.id, THUMB, true)).collect();
        let facts = Facts { member_count, ..facts(stored.clone(), Some(members[0].clone()), false) };
        let others: Vec<Reactor> =
            members[1..].iter().map(|member| Reactor { actor: Some(member.clone()), ..Reactor::default() }).collect();
        written(&decide_group(&commands.iter().collect::<Vec<_>>(), &facts, &others)[0]).1
    };
    let most = limits::REACTION_CHANGES_MAX;
    let named = payload_of(most, limits::SMALL_CONVERSATION_MEMBERS_MAX);
    assert_eq!(named.matches("user_id").count(), most);
    assert!(named.len() <= limits::CONTENT_BYTES_MAX, "{} bytes", named.len());
    for payload in [payload_of(most + 1, 200), payload_of(1, limits::SMALL_CONVERSATION_MEMBERS_MAX + 1)] {
        assert!(!payload.contains("changes") && payload.ends_with("}]}"), "{payload}");
    }
}

#[test]
fn reactions_to_one_message_are_a_group() {
    let (first, second) = (message(""), message(""));
    let second = Message { conversation_id: first.conversation_id, ..second };
    let elsewhere = message("");
    let of = |message: &Message| react(message, UserId::new(), THUMB, true);
    let delete = Command { action: Action::DeleteMessage { message_id: elsewhere.id }, ..of(&elsewhere) };
    assert_eq!(groups(&[of(&first), delete.clone(), of(&first)]), [vec![0, 2], vec![1]]);
    let mut mixed = groups(&[of(&first), delete, of(&second), of(&first)]);
    assert!(
        mixed == [vec![0, 3], vec![2], vec![1]] || mixed == [vec![1], vec![0, 3], vec![2]],
        "groups of one conversation follow one another: {mixed:?}"
    );
    mixed.clear();
    assert_eq!(groups(&[]), mixed);
}
