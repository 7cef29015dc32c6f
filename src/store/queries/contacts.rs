//! SQL for contacts.

/// True if the user has the contact: noted in the table, or found among the messages of their direct conversation. The arguments: user,
/// contact, direct_key, messages that are read at each end.
macro_rules! has_contact {
    ($user:literal, $contact:literal, $direct_key:literal, $messages:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM contacts c WHERE c.user_id = ",
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
