//! The rules of consent: who may add a user to a conversation, or begin one with them.

use std::collections::HashSet;

use crate::domain::conversation::ConversationKind;
use crate::domain::user::ContactFrom;
use crate::domain::{Error, Result, UserId};

/// The facts by which a user takes or refuses to be added by another user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Consent {
    pub contact_from: ContactFrom,
    /// There is a block between the two users.
    pub is_blocked: bool,
    /// The user left the group by themselves.
    pub has_left: bool,
    /// The user has the one who adds them as a contact.
    pub has_contact: bool,
}

impl Consent {
    /// Returns true if `has_contact` decides.
    pub fn depends_on_contacts(self) -> bool {
        Self { has_contact: true, ..self }.is_given() != Self { has_contact: false, ..self }.is_given()
    }

    /// Returns true if the user can be added.
    pub fn is_given(self) -> bool {
        let is_accepted = match self.contact_from {
            ContactFrom::Everyone => self.has_contact || !self.has_left,
            ContactFrom::Contacts => self.has_contact,
            ContactFrom::Nobody => false,
        };
        is_accepted && !self.is_blocked
    }
}

/// The error for a user who refuses. It is the same for every reason, so that none can be told from another.
pub fn declined() -> Error {
    Error::forbidden("This user does not accept this.")
}

/// Returns those of these users whose consent to a new conversation depends on their contacts.
pub fn undecided(asked: &[(UserId, ContactFrom)]) -> Vec<UserId> {
    let depends = |contact_from| Consent { contact_from, ..Consent::default() }.depends_on_contacts();
    asked.iter().filter(|(_, contact_from)| depends(*contact_from)).map(|(user_id, _)| *user_id).collect()
}

/// Returns those of the asked users who are not added to a new conversation. `with_contact` are those who have its creator as a contact, and
/// `blocked` those with whom the creator has a block. Fails if they refuse a direct conversation, which has no other members.
pub fn not_added(
    kind: ConversationKind,
    asked: &[(UserId, ContactFrom)],
    with_contact: &[UserId],
    blocked: &[UserId],
) -> Result<Vec<UserId>> {
    let (with_contact, blocked): (HashSet<&UserId>, HashSet<&UserId>) =
        (with_contact.iter().collect(), blocked.iter().collect());
    let refuses = |user_id, contact_from| {
        let (has_contact, is_blocked) = (with_contact.contains(user_id), blocked.contains(user_id));
        !Consent { contact_from, is_blocked, has_left: false, has_contact }.is_given()
    };
    let refusing: Vec<UserId> =
        asked.iter().filter(|(id, contact_from)| refuses(id, *contact_from)).map(|(user_id, _)| *user_id).collect();
    if kind == ConversationKind::Direct && !refusing.is_empty() { Err(declined()) } else { Ok(refusing) }
}

#[cfg(test)]
mod tests {
    use super::{Consent, declined, not_added, undecided};
    use crate::domain::UserId;
    use crate::domain::conversation::ConversationKind::{Direct, Group};
    use crate::domain::user::ContactFrom::{self, Contacts, Everyone, Nobody};

    #[test]
    fn consent_is_a_table() {
        let given = |contact_from: ContactFrom, has_left| {
            [true, false].map(|has_contact| {
                let consent = Consent { contact_from, is_blocked: false, has_left, has_contact };
                let blocked = Consent { is_blocked: true, ..consent };
                assert!(!blocked.is_given() && !blocked.depends_on_contacts(), "{blocked:?}");
                consent.is_given()
            })
        };
        // By a contact, and by another user.
        assert_eq!(given(Everyone, false), [true, true]);
        assert_eq!(given(Everyone, true), [true, false]);
        assert_eq!(given(Contacts, false), [true, false]);
        assert_eq!(given(Contacts, true), [true, false]);
        assert_eq!(given(Nobody, false), [false, false]);
        assert_eq!(given(Nobody, true), [false, false]);
    }

    #[test]
    fn who_refuses_is_left_out_of_a_group_and_has_no_direct_conversation() {
        let [all, friends, known, none] = [(); 4].map(|()| UserId::new());
        let asked = [(all, Everyone), (friends, Contacts), (known, Contacts), (none, Nobody)];
        assert_eq!(undecided(&asked), [friends, known]);
        assert_eq!(not_added(Group, &asked, &[known, none], &[]), Ok(vec![friends, none]));
        assert_eq!(not_added(Group, &asked, &[known, none], &[all, known]), Ok(vec![all, friends, known, none]));
        assert_eq!(not_added(Direct, &asked[2..3], &[known], &[]), Ok(vec![]));
        assert_eq!(not_added(Direct, &asked[2..3], &[known], &[known]), Err(declined()));
        assert_eq!(not_added(Direct, &asked[3..], &[none], &[]), Err(declined()));
    }
}
