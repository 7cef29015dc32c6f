//! The rule of mentions.

use crate::domain::UserId;
use crate::domain::conversation::{ConversationKind, Role};
use crate::domain::mentions::{ALL, MentionedNames, Mentions};
use crate::limits;

/// Decides whom the names of a text mention: behind each `@` the longest username of a member. `member` returns the member with a folded username.
/// The first [`limits::MENTIONS_MAX`] members are mentioned. Other names stay text, and nobody is refused for them.
pub fn mentions(names: &MentionedNames, member: impl Fn(&str) -> Option<UserId>, may_mention_all: bool) -> Mentions {
    let mut mentions = Mentions::default();
    for candidates in names.names() {
        for name in candidates {
            if name == ALL {
                mentions.all |= may_mention_all;
            } else if let Some(user_id) = member(name) {
                if !mentions.user_ids.contains(&user_id) && mentions.user_ids.len() < limits::MENTIONS_MAX {
                    mentions.user_ids.push(user_id);
                }
                break;
            }
        }
    }
    mentions
}

/// Returns true if a member can mention all others: in a group, from the admin on.
pub fn may_mention_all(kind: ConversationKind, role: Role) -> bool {
    kind == ConversationKind::Group && role >= Role::Admin
}

#[cfg(test)]
mod tests {
    use super::{may_mention_all, mentions};
    use crate::domain::UserId;
    use crate::domain::conversation::{ConversationKind, Role};
    use crate::domain::mentions::{MentionedNames, Mentions};
    use crate::limits;

    #[test]
    fn the_longest_username_of_a_member_is_mentioned() {
        let members = ["ada", "ada.l", "bob-"].map(|name| (name, UserId::new()));
        let [ada, ada_l, bob] = members.map(|(_, id)| id);
        let resolved = |text: &str, may_mention_all| {
            let member = |key: &str| members.iter().find(|(name, _)| *name == key).map(|(_, id)| *id);
            mentions(&MentionedNames::of(text), member, may_mention_all)
        };
        let users = |text: &str| resolved(text, false).user_ids;
        assert_eq!(users("@ada and @ADA.L."), [ada, ada_l]);
        assert_eq!(users("@ada.lovelace @bob-- @ada"), [ada, bob], "each once");
        assert_eq!(users("@bob @eve @adam"), [], "strangers stay text");
        assert_eq!(resolved("@all @ada", false), Mentions { user_ids: vec![ada], all: false });
        assert_eq!(resolved("@All. @ada", true), Mentions { user_ids: vec![ada], all: true });
        assert!(resolved("@allot", true).is_empty());
    }

    #[test]
    fn the_users_of_a_message_are_bounded() {
        let text = (0..=limits::MENTIONS_MAX).map(|number| format!("@user{number} ")).collect::<Vec<_>>().concat();
        let found = mentions(&MentionedNames::of(&text), |_| Some(UserId::new()), false);
        assert_eq!(found.user_ids.len(), limits::MENTIONS_MAX);
    }

    #[test]
    fn admins_of_groups_mention_all() {
        use ConversationKind::{Direct, Group};
        let may = [(Group, Role::Owner), (Group, Role::Admin), (Group, Role::Member), (Direct, Role::Member)];
        assert_eq!(may.map(|(kind, role)| may_mention_all(kind, role)), [true, true, false, false]);
    }
}
