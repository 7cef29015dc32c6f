//! SQL for contacts.

/// True if the user has the contact: noted in the table, or found among the messages of their direct conversation. The arguments: user,
/// contact, direct_key, messages that are read at each end.
///
/// The first select is no EXISTS, of which PostgreSQL might make a hash of everybody who has the contact.
macro_rules! has_contact {
    ($user:literal, $contact:literal, $direct_key:literal, $messages:literal) => {
        concat!(
            "((SELECT true FROM contacts c WHERE c.user_id = ",
            $user,
            " AND c.contact_id = ",
            $contact,
            ") \
             OR EXISTS (SELECT 1 FROM conversations d WHERE d.direct_key = ",
            $direct_key,
            " AND ( \
                 EXISTS (SELECT 1 FROM (SELECT sender_id FROM messages WHERE conversation_id = d.id \
                     ORDER BY seq LIMIT ",
            $messages,
            ") oldest WHERE oldest.sender_id = ",
            $user,
            ") \
                 OR EXISTS (SELECT 1 FROM (SELECT sender_id FROM messages WHERE conversation_id = d.id \
                     ORDER BY seq DESC LIMIT ",
            $messages,
            ") newest WHERE newest.sender_id = ",
            $user,
            "))))"
        )
    };
}
pub(crate) use has_contact;

/// id
pub(crate) const CONTACT_FROM: &str = "SELECT contact_from FROM users WHERE id = $1 AND deleted_at IS NULL";
/// id, contact_from
pub(crate) const SET_CONTACT_FROM: &str = "UPDATE users SET contact_from = $2 WHERE id = $1 AND deleted_at IS NULL";
/// conversation, limit
pub(crate) const SWEEP_LEAVERS: &str = "DELETE FROM leavers WHERE conversation_id = $1 \
     AND user_id IN (SELECT user_id FROM leavers WHERE conversation_id = $1 ORDER BY user_id LIMIT $2)";
