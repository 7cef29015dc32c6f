//! SQL for tickets.

/// id, user, session, token_expires_at, expires_at, at, at_most
pub(crate) const INSERT_TICKET: &str = "INSERT INTO tickets (id, user_id, session_id, token_expires_at, expires_at) \
     SELECT $1, $2, $3, $4, $5 \
     WHERE (SELECT count(*) FROM tickets WHERE user_id = $2 AND expires_at > $6) < $7";
/// id, at, user
pub(crate) const REDEEM_TICKET: &str = "DELETE FROM tickets WHERE id = $1 AND expires_at > $2 AND user_id = $3 \
     RETURNING user_id, session_id, token_expires_at";
/// id, at. For tickets that do not name their user.
pub(crate) const REDEEM_TICKET_BY_ID: &str =
    "DELETE FROM tickets WHERE id = $1 AND expires_at > $2 RETURNING user_id, session_id, token_expires_at";
