//! The rules of membership and names.

use super::contact::declined;
use super::{Decision, Facts, NewEvent, RowWrite, Verdict};
use crate::domain::command::Outcome;
use crate::domain::conversation::{ConversationKind, GroupName, Member, Role};
use crate::domain::message::SystemNote;
use crate::domain::user::User;
use crate::domain::{Error, Result, UserId};
use crate::limits;

/// Returns the actor. Fails in a direct conversation, whose members and name cannot change.
fn actor(facts: &Facts) -> Result<&Member> {
    let actor = facts.actor.as_ref().ok_or_else(|| Error::not_found("conversation"))?;
    if facts.kind == ConversationKind::Direct {
        return Err(Error::forbidden("The two members of a direct conversation are fixed, and it has no name."));
    }
    Ok(actor)
}

/// Returns a decision that writes a system message. `target` is the user whom it names besides the actor.
fn with_system_message(
    writes: Vec<RowWrite>,
    note: SystemNote,
    actor: &Member,
    target: Option<&User>,
) -> Result<Verdict> {
    let names = [Some(&actor.user), target];
    let name_of = |id| names.iter().flatten().find(|user| user.id == id).map(|user| user.name.as_str());
    let content = note.sentence(actor.user.id, name_of);
    let content = content.ok_or_else(|| Error::internal("a system message names a user who is not known"))?;
    Ok(Verdict::Write(Decision { writes, event: NewEvent::SystemMessage { note, content } }))
}

/// Fails unless a user with this role in a conversation can delete it. A user who is no member has no role.
pub fn may_delete(role: Option<Role>) -> Result<()> {
    match role {
        Some(Role::Owner) => Ok(()),
        Some(Role::Admin | Role::Member) => Err(Error::forbidden("Only the owner can delete the conversation.")),
        None => Err(Error::not_found("conversation")),
    }
}

/// Decides an addition of a member.
pub(super) fn add(user_id: UserId, role: Role, facts: &Facts) -> Result<Verdict> {
    let actor = actor(facts)?;
    require(actor, Role::Admin, "Only an admin or the owner can add members.")?;
    if role >= actor.role {
        return Err(Error::forbidden("You can only assign roles below your own."));
    }
    let Some(target) = &facts.target else {
        return Err(Error::field("user_id", "there is no such user"));
    };
    if facts.target_role.is_some() {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    if !facts.target_consent.is_given() {
        return Err(declined());
    }
    if facts.member_count >= limits::GROUP_MEMBERS_MAX {
        return Err(Error::field("user_id", format!("a group has at most {} members", limits::GROUP_MEMBERS_MAX)));
    }
    let mut writes = vec![RowWrite::InsertMember(user_id, role), RowWrite::InsertContact(user_id)];
    if facts.target_consent.has_left {
        writes.push(RowWrite::DeleteLeaver(user_id));
    }
    with_system_message(writes, SystemNote::MemberAdded { user_id, role }, actor, Some(target))
}

/// Decides a removal of a member, who leaves if they are the actor.
pub(super) fn remove(user_id: UserId, facts: &Facts) -> Result<Verdict> {
    let actor = actor(facts)?;
    let (Some(target), Some(target_role)) = (&facts.target, facts.target_role) else {
        return Err(Error::not_found("member"));
    };
    let mut writes = vec![RowWrite::DeleteMember(user_id)];
    if user_id == actor.user.id {
        if actor.role == Role::Owner && facts.member_count > 1 {
            return Err(Error::forbidden("Make another member the owner before you leave."));
        }
        writes.push(RowWrite::InsertLeaver(user_id));
    } else {
        require(actor, Role::Admin, "Only an admin or the owner can remove members.")?;
        if target_role >= actor.role {
            return Err(Error::forbidden("You can only remove members whose role is below your own."));
        }
    }
    with_system_message(writes, SystemNote::MemberRemoved { user_id }, actor, Some(target))
}

/// Decides a change of a member's role.
pub(super) fn set_role(user_id: UserId, role: Role, facts: &Facts) -> Result<Verdict> {
    let actor = actor(facts)?;
    require(actor, Role::Owner, "Only the owner can assign roles.")?;
    let (Some(target), Some(target_role)) = (&facts.target, facts.target_role) else {
        return Err(Error::not_found("member"));
    };
    if target_role == role {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    if user_id == actor.user.id {
        return Err(Error::forbidden("Make another member the owner to hand the group over."));
    }
    let mut writes = vec![RowWrite::SetRole(user_id, role)];
    if role == Role::Owner {
        writes.push(RowWrite::SetRole(actor.user.id, Role::Admin));
    }
    with_system_message(writes, SystemNote::MemberUpdated { user_id, role }, actor, Some(target))
}

/// Decides a change of the group's name.
pub(super) fn rename(name: &GroupName, facts: &Facts) -> Result<Verdict> {
    let actor = actor(facts)?;
    require(actor, Role::Admin, "Only an admin or the owner can rename the conversation.")?;
    if facts.name.as_ref() == Some(name) {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    let note = SystemNote::ConversationUpdated { name: name.clone() };
    with_system_message(vec![RowWrite::SetName(name.clone())], note, actor, None)
}

fn require(actor: &Member, role: Role, otherwise: &'static str) -> Result<()> {
    if actor.role >= role { Ok(()) } else { Err(Error::forbidden(otherwise)) }
}

#[cfg(test)]
mod tests {
    use super::super::test_facts::{self, member};
    use super::super::{Facts, RowWrite, Verdict, decide};
    use super::may_delete;
    use crate::domain::command::{Action, Command, Outcome};
    use crate::domain::conversation::{ConversationKind, GroupName, Role};
    use crate::domain::rules::contact::{Consent, declined};
    use crate::domain::user::ContactFrom;
    use crate::domain::{Code, ConversationId, MessageId, Result, Timestamp, UserId};

    fn facts(actor_role: Role, target_role: Option<Role>) -> (Facts, UserId) {
        let (actor, target) = (member(UserId::new(), actor_role), member(UserId::new(), Role::Member).user);
        let target_id = target.id;
        let facts = test_facts::facts(Some(actor), None);
        (Facts { member_count: 3, target: Some(target), target_role, ..facts }, target_id)
    }

    fn decide_action(action: Action, facts: &Facts) -> Result<Verdict> {
        let (conversation_id, actor_id) = (ConversationId::new(), UserId::new());
        decide(&Command { conversation_id, actor_id, id: MessageId::new(), timestamp: Timestamp(0), action }, facts)
    }

    fn verdict(action: impl Fn(UserId) -> Action, actor: Role, target: Option<Role>) -> Result<Verdict, Code> {
        let (facts, target_id) = facts(actor, target);
        decide_action(action(target_id), &facts).map_err(|error| error.code)
    }

    #[test]
    fn roles_decide_who_adds_and_removes() {
        let add = |user_id| Action::AddMember { user_id, role: Role::Member };
        let remove = |user_id| Action::RemoveMember { user_id };
        assert_eq!(verdict(add, Role::Member, None), Err(Code::Forbidden));
        assert!(matches!(verdict(add, Role::Admin, None), Ok(Verdict::Write(_))));
        assert_eq!(
            verdict(add, Role::Admin, Some(Role::Member)),
            Ok(Verdict::Nothing(Outcome::NoChange)),
            "already in"
        );
        assert_eq!(
            verdict(|user_id| Action::AddMember { user_id, role: Role::Admin }, Role::Admin, None),
            Err(Code::Forbidden)
        );
        assert_eq!(verdict(remove, Role::Member, Some(Role::Member)), Err(Code::Forbidden));
        assert_eq!(verdict(remove, Role::Admin, Some(Role::Admin)), Err(Code::Forbidden));
        assert!(matches!(verdict(remove, Role::Owner, Some(Role::Admin)), Ok(Verdict::Write(_))));
        assert_eq!(verdict(remove, Role::Owner, None), Err(Code::NotFound));
    }

    #[test]
    fn who_refuses_is_added_by_no_role_and_stays_if_they_are_in() {
        let consent = Consent { contact_from: ContactFrom::Nobody, ..Consent::default() };
        for (actor, target_role, expected) in [
            (Role::Member, None, Err(super::Error::forbidden("Only an admin or the owner can add members."))),
            (Role::Admin, None, Err(declined())),
            (Role::Owner, None, Err(declined())),
            (Role::Admin, Some(Role::Member), Ok(Verdict::Nothing(Outcome::NoChange))),
        ] {
            let (facts, user_id) = facts(actor, target_role);
            let facts = Facts { target_consent: consent, ..facts };
            assert_eq!(decide_action(Action::AddMember { user_id, role: Role::Member }, &facts), expected, "{actor:?}");
        }
    }

    #[test]
    fn only_who_leaves_by_themselves_is_noted_until_a_contact_adds_them() {
        let writes = |verdict: Result<Verdict>| match verdict {
            Ok(Verdict::Write(decision)) => decision.writes,
            other => panic!("{other:?}"),
        };
        let (mut facts, user_id) = facts(Role::Admin, Some(Role::Member));
        let removed = writes(decide_action(Action::RemoveMember { user_id }, &facts));
        assert_eq!(removed, [RowWrite::DeleteMember(user_id)]);
        facts.target_role = None;
        facts.target_consent = Consent { has_left: true, has_contact: true, ..Consent::default() };
        let added = writes(decide_action(Action::AddMember { user_id, role: Role::Member }, &facts));
        assert!(added.contains(&RowWrite::DeleteLeaver(user_id)), "{added:?}");
        facts.target_consent.has_contact = false;
        assert_eq!(decide_action(Action::AddMember { user_id, role: Role::Member }, &facts), Err(declined()));
        let actor = facts.actor.as_ref().expect("an admin").user.clone();
        (facts.target, facts.target_role) = (Some(actor.clone()), Some(Role::Admin));
        let left = writes(decide_action(Action::RemoveMember { user_id: actor.id }, &facts));
        assert_eq!(left, [RowWrite::DeleteMember(actor.id), RowWrite::InsertLeaver(actor.id)]);
    }

    #[test]
    fn an_owner_leaves_only_as_the_last_member() {
        let (mut facts, _) = facts(Role::Owner, Some(Role::Owner));
        facts.target = facts.actor.as_ref().map(|actor| actor.user.clone());
        let leave = Action::RemoveMember { user_id: facts.target.as_ref().expect("just set").id };
        assert_eq!(decide_action(leave.clone(), &facts).map_err(|error| error.code), Err(Code::Forbidden));
        facts.member_count = 1;
        assert!(matches!(decide_action(leave.clone(), &facts), Ok(Verdict::Write(_))), "the last member can leave");
    }

    #[test]
    fn a_new_owner_replaces_the_old_one() {
        let decision =
            verdict(|user_id| Action::SetRole { user_id, role: Role::Owner }, Role::Owner, Some(Role::Member));
        let Ok(Verdict::Write(decision)) = decision else { panic!("the owner can") };
        assert!(matches!(decision.writes[..], [RowWrite::SetRole(_, Role::Owner), RowWrite::SetRole(_, Role::Admin)]));
    }

    #[test]
    fn only_the_owner_deletes_a_conversation() {
        let refusal = |role| may_delete(role).map_err(|error| error.code);
        assert_eq!(refusal(Some(Role::Owner)), Ok(()));
        assert_eq!(refusal(Some(Role::Admin)), Err(Code::Forbidden));
        assert_eq!(refusal(Some(Role::Member)), Err(Code::Forbidden));
        assert_eq!(refusal(None), Err(Code::NotFound), "outsiders do not learn that it exists");
    }

    #[test]
    fn a_direct_conversation_cannot_be_renamed_and_outsiders_find_none() {
        let rename = Action::Rename { name: GroupName::from_trusted("Lunch".to_owned()) };
        let (mut facts, _) = facts(Role::Owner, None);
        facts.kind = ConversationKind::Direct;
        assert_eq!(decide_action(rename.clone(), &facts).map_err(|error| error.code), Err(Code::Forbidden));
        facts.actor = None;
        assert_eq!(decide_action(rename.clone(), &facts).map_err(|error| error.code), Err(Code::NotFound));
    }
}
