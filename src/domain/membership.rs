//! The rules of membership, in one pure function: who may change what, and what follows from it.
//!
//! A store gathers the [`Facts`] under the lock of the conversation's counter, asks [`decide`], and applies the
//! [`Decision`] in the same transaction; so the rules are written once for all stores, and no two changes can
//! cross.

use super::command::Action;
use super::conversation::{Kind, Member, Role, Title};
use super::message::Note;
use super::user::User;
use super::{Error, Result, UserId};
use crate::limits;

/// What is true of the conversation at the moment of the change.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Direct or group.
    pub kind: Kind,
    /// Its name.
    pub name: Option<Title>,
    /// How many are in it.
    pub member_count: i64,
    /// Who wants the change, if they are a member.
    pub actor: Option<Member>,
    /// Whom it concerns, if there is such a user.
    pub target: Option<User>,
    /// Their role, if they are a member.
    pub target_role: Option<Role>,
}

/// One row that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A member comes in; they start at the number of the note.
    Insert(UserId, Role),
    /// A member goes.
    Delete(UserId),
    /// A member's role changes.
    SetRole(UserId, Role),
    /// The conversation's name changes.
    SetName(Title),
}

/// What a change does: the rows, and the system message that notes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Applied in this order.
    pub effects: Vec<Effect>,
    /// For programs.
    pub note: Note,
    /// For people.
    pub content: String,
}

/// Judges `action`: the decision, `None` if things are already as wanted, or why it may not be.
pub fn decide(action: &Action, facts: &Facts) -> Result<Option<Decision>> {
    let actor = facts.actor.as_ref().ok_or_else(|| Error::not_found("conversation"))?;
    if facts.kind == Kind::Direct {
        return Err(Error::forbidden("The two members of a direct conversation are fixed, and it has no name."));
    }
    match action {
        Action::Add { user_id, role } => add(*user_id, *role, actor, facts),
        Action::Remove { user_id } => remove(*user_id, actor, facts),
        Action::SetRole { user_id, role } => set_role(*user_id, *role, actor, facts),
        Action::Rename { name } => rename(name, actor, facts),
    }
}

/// Fails unless a user with this role in a conversation (`None`: no member) can delete it.
pub fn may_delete(role: Option<Role>) -> Result<()> {
    match role {
        Some(Role::Owner) => Ok(()),
        Some(Role::Admin | Role::Member) => Err(Error::forbidden("Only the owner can delete the conversation.")),
        None => Err(Error::not_found("conversation")),
    }
}

fn add(user_id: UserId, role: Role, actor: &Member, facts: &Facts) -> Result<Option<Decision>> {
    require(actor, Role::Admin, "Only an admin or the owner can add members.")?;
    if role >= actor.role {
        return Err(Error::forbidden("One can only give a role below one's own."));
    }
    let Some(target) = &facts.target else {
        return Err(Error::field("user_id", "there is no such user"));
    };
    if facts.target_role.is_some() {
        return Ok(None);
    }
    if facts.member_count >= limits::GROUP_MEMBERS {
        return Err(Error::field("user_id", format!("a group has at most {} members", limits::GROUP_MEMBERS)));
    }
    Ok(Some(Decision {
        effects: vec![Effect::Insert(user_id, role)],
        note: Note::MemberAdded { user_id, role },
        content: format!("{} added {}", actor.name().as_str(), target.name.as_str()),
    }))
}

fn remove(user_id: UserId, actor: &Member, facts: &Facts) -> Result<Option<Decision>> {
    let (Some(target), Some(target_role)) = (&facts.target, facts.target_role) else {
        return Err(Error::not_found("member"));
    };
    let content = if user_id == actor.user.id {
        if actor.role == Role::Owner && facts.member_count > 1 {
            return Err(Error::forbidden("The owner makes somebody else the owner before leaving."));
        }
        format!("{} left", target.name.as_str())
    } else {
        require(actor, Role::Admin, "Only an admin or the owner can remove members.")?;
        if target_role >= actor.role {
            return Err(Error::forbidden("One can only remove members whose role is below one's own."));
        }
        format!("{} removed {}", actor.name().as_str(), target.name.as_str())
    };
    Ok(Some(Decision { effects: vec![Effect::Delete(user_id)], note: Note::MemberRemoved { user_id }, content }))
}

fn set_role(user_id: UserId, role: Role, actor: &Member, facts: &Facts) -> Result<Option<Decision>> {
    require(actor, Role::Owner, "Only the owner can give roles.")?;
    let (Some(target), Some(target_role)) = (&facts.target, facts.target_role) else {
        return Err(Error::not_found("member"));
    };
    if target_role == role {
        return Ok(None);
    }
    if user_id == actor.user.id {
        return Err(Error::forbidden("The owner hands the group over by making somebody else the owner."));
    }
    let mut effects = vec![Effect::SetRole(user_id, role)];
    if role == Role::Owner {
        effects.push(Effect::SetRole(actor.user.id, Role::Admin));
    }
    let became = match role {
        Role::Owner => "the owner",
        Role::Admin => "an admin",
        Role::Member => "a member",
    };
    Ok(Some(Decision {
        effects,
        note: Note::MemberUpdated { user_id, role },
        content: format!("{} made {} {became}", actor.name().as_str(), target.name.as_str()),
    }))
}

fn rename(name: &Title, actor: &Member, facts: &Facts) -> Result<Option<Decision>> {
    require(actor, Role::Admin, "Only an admin or the owner can rename the conversation.")?;
    if facts.name.as_ref() == Some(name) {
        return Ok(None);
    }
    Ok(Some(Decision {
        effects: vec![Effect::SetName(name.clone())],
        note: Note::ConversationUpdated { name: name.clone() },
        content: format!("{} named the conversation “{}”", actor.name().as_str(), name.as_str()),
    }))
}

fn require(actor: &Member, role: Role, otherwise: &'static str) -> Result<()> {
    if actor.role >= role { Ok(()) } else { Err(Error::forbidden(otherwise)) }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Effect, Facts, decide, may_delete};
    use crate::domain::command::Action;
    use crate::domain::conversation::{Kind, Member, Role, Title};
    use crate::domain::user::{Name, User, Username};
    use crate::domain::{Code, Timestamp, UserId};

    fn user(name: &str) -> User {
        User {
            id: UserId::new(),
            username: Username::stored(name.to_lowercase()),
            name: Name::stored(name.to_owned()),
            created_at: Timestamp(0),
            last_seen_at: None,
        }
    }

    fn facts(actor_role: Role, target_role: Option<Role>) -> (Facts, UserId) {
        let target = user("Grace");
        let target_id = target.id;
        let actor = Member {
            user: user("Ada"),
            role: actor_role,
            joined_at: Timestamp(0),
            joined_seq: 0,
            delivered_seq: 0,
            read_seq: 0,
        };
        let facts = Facts {
            kind: Kind::Group,
            name: None,
            member_count: 3,
            actor: Some(actor),
            target: Some(target),
            target_role,
        };
        (facts, target_id)
    }

    fn verdict(action: impl Fn(UserId) -> Action, actor: Role, target: Option<Role>) -> Result<Option<Decision>, Code> {
        let (facts, target_id) = facts(actor, target);
        decide(&action(target_id), &facts).map_err(|error| error.code)
    }

    #[test]
    fn roles_decide_who_adds_and_removes() {
        let add = |user_id| Action::Add { user_id, role: Role::Member };
        let remove = |user_id| Action::Remove { user_id };
        assert_eq!(verdict(add, Role::Member, None), Err(Code::Forbidden));
        assert!(matches!(verdict(add, Role::Admin, None), Ok(Some(_))));
        assert_eq!(verdict(add, Role::Admin, Some(Role::Member)), Ok(None), "already in");
        assert_eq!(
            verdict(|user_id| Action::Add { user_id, role: Role::Admin }, Role::Admin, None),
            Err(Code::Forbidden)
        );
        assert_eq!(verdict(remove, Role::Member, Some(Role::Member)), Err(Code::Forbidden));
        assert_eq!(verdict(remove, Role::Admin, Some(Role::Admin)), Err(Code::Forbidden));
        assert!(matches!(verdict(remove, Role::Owner, Some(Role::Admin)), Ok(Some(_))));
        assert_eq!(verdict(remove, Role::Owner, None), Err(Code::NotFound));
    }

    #[test]
    fn an_owner_hands_over_before_leaving() {
        let (mut facts, _) = facts(Role::Owner, Some(Role::Owner));
        facts.target = facts.actor.as_ref().map(|actor| actor.user.clone());
        let leave = Action::Remove { user_id: facts.target.as_ref().expect("just set").id };
        assert_eq!(decide(&leave, &facts).map_err(|error| error.code), Err(Code::Forbidden));
        facts.member_count = 1;
        assert!(matches!(decide(&leave, &facts), Ok(Some(_))), "the last one may go");
    }

    #[test]
    fn a_new_owner_replaces_the_old_one() {
        let decision =
            verdict(|user_id| Action::SetRole { user_id, role: Role::Owner }, Role::Owner, Some(Role::Member));
        let effects = decision.ok().flatten().map(|decision| decision.effects).unwrap_or_default();
        assert!(matches!(effects[..], [Effect::SetRole(_, Role::Owner), Effect::SetRole(_, Role::Admin)]));
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
    fn strangers_and_direct_conversations_are_left_alone() {
        let rename = Action::Rename { name: Title::stored("Lunch".to_owned()) };
        let (mut facts, _) = facts(Role::Owner, None);
        facts.kind = Kind::Direct;
        assert_eq!(decide(&rename, &facts).map_err(|error| error.code), Err(Code::Forbidden));
        facts.actor = None;
        assert_eq!(decide(&rename, &facts).map_err(|error| error.code), Err(Code::NotFound));
    }
}
