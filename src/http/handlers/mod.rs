//! What answers each row of the table: from the request to a verb, and from what the verb says to the answer.

pub(super) mod accounts;
pub(super) mod conversations;
pub(super) mod messages;
pub(super) mod sessions;
