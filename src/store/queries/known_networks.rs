//! SQL for known networks.

/// user, network, at
pub(crate) const INSERT_KNOWN_NETWORK: &str = "INSERT INTO known_networks (user_id, network, used_at) \
     SELECT $1, $2, $3 FROM users WHERE id = $1 AND deleted_at IS NULL \
     ON CONFLICT (user_id, network) DO UPDATE SET used_at = excluded.used_at";
/// user, the number that stay
pub(crate) const DELETE_OLDEST_NETWORKS: &str = "DELETE FROM known_networks WHERE user_id = $1 AND used_at <= \
     (SELECT used_at FROM known_networks WHERE user_id = $1 ORDER BY used_at DESC LIMIT 1 OFFSET $2)";
/// user, network, since
pub(crate) const IS_KNOWN_NETWORK: &str =
    "SELECT 1 FROM known_networks WHERE user_id = $1 AND network = $2 AND used_at > $3";
/// user
pub(crate) const DELETE_NETWORKS: &str = "DELETE FROM known_networks WHERE user_id = $1";
