//! Size changes: a group that crosses [`limits::SMALL_CONVERSATION_MEMBERS_MAX`] hides its members' presence, or shows it again.
//!
//! Changes of presence are not announced in large groups, so a user who is shown as online in one would stay online for ever.

use std::collections::{HashMap, HashSet};

use super::diffs::{Diffs, viewer_of};
use super::size_change::SizeChange;
use super::worker::Worker;
use super::{BlockedView, blocks_with};
use crate::domain::user::Status;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;

/// The users with subscriptions to a conversation on this node.
#[derive(Default)]
struct Viewers {
    /// Users with connections on all their conversations.
    all: HashSet<UserId>,
    /// Users with connections on this conversation alone.
    one: HashSet<UserId>,
}

impl Worker {
    /// Adds corrections for the viewers of a conversation that crossed the bound.
    pub(super) async fn correct(&self, id: ConversationId, change: SizeChange, diffs: &mut Diffs) -> Result<()> {
        let viewers = self.viewers(id);
        if viewers.all.is_empty() && viewers.one.is_empty() {
            return Ok(());
        }
        let Some(conversation) = self.store.conversation(id).await? else { return Ok(()) };
        if !change.may_have_crossed(conversation.member_count) {
            return Ok(());
        }
        let connected = self.connected_members(id).await?;
        let blocked = self.blocked_views(&viewers, &connected).await?;
        if conversation.member_count > limits::SMALL_CONVERSATION_MEMBERS_MAX {
            self.hide(id, viewers, &connected, &blocked, diffs).await
        } else {
            show(id, &viewers, &connected, &blocked, diffs);
            Ok(())
        }
    }

    /// Returns those of the viewers and the connected members between whom there is a block. These viewers are told neither that the member is
    /// shown nor that the member is hidden, because both would tell that the member is online.
    async fn blocked_views(&self, viewers: &Viewers, connected: &[(UserId, Status)]) -> Result<HashSet<BlockedView>> {
        let viewer_ids: HashSet<UserId> = viewers.all.union(&viewers.one).copied().collect();
        let viewer_ids: Vec<UserId> = viewer_ids.into_iter().collect();
        let mut blocked = HashSet::new();
        for &(user_id, _) in connected {
            let hidden_from = blocks_with(self.store.as_ref(), user_id, &viewer_ids).await?;
            blocked.extend(hidden_from.into_iter().map(|viewer_id| (viewer_id, user_id)));
        }
        Ok(blocked)
    }

    fn viewers(&self, id: ConversationId) -> Viewers {
        let mut viewers = Viewers::default();
        for subscription in self.registry.subscribers(id).iter() {
            match viewer_of(&subscription.connection) {
                (user_id, None) => viewers.all.insert(user_id),
                (user_id, Some(_)) => viewers.one.insert(user_id),
            };
        }
        viewers
    }

    async fn connected_members(&self, id: ConversationId) -> Result<Vec<(UserId, Status)>> {
        let (mut connected, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.members(id, after.as_deref(), limits::RECONCILE_PAGE).await?;
            connected.extend(self.presence.announced_connected(page.iter().map(|member| member.user.id)));
            match page.last() {
                Some(last) if page.len() == limits::RECONCILE_PAGE => after = Some(last.user.username.key()),
                _ => return Ok(connected),
            }
        }
    }

    /// Shows the members of a group that is large now as offline to the viewers who share no small conversation with them.
    async fn hide(
        &self,
        id: ConversationId,
        viewers: Viewers,
        connected: &[(UserId, Status)],
        blocked: &HashSet<BlockedView>,
        diffs: &mut Diffs,
    ) -> Result<()> {
        let online: Vec<UserId> = connected.iter().map(|(user_id, _)| *user_id).collect();
        let mut small: HashMap<UserId, Vec<ConversationId>> = HashMap::new();
        for user_id in viewers.all.iter().chain(&online).copied().collect::<HashSet<UserId>>() {
            let (first, limit) = (ConversationId::FIRST, limits::PRESENCE_CONVERSATIONS_MAX);
            small.insert(user_id, self.store.small_conversations(user_id, first, limit).await?);
        }
        let mut online_in: HashMap<ConversationId, Vec<UserId>> = HashMap::new();
        for &user_id in &online {
            for &conversation_id in &small[&user_id] {
                online_in.entry(conversation_id).or_default().push(user_id);
            }
        }
        for viewer in viewers.all {
            let is_visible = |user_id: &UserId| !blocked.contains(&(viewer, *user_id));
            let mut hidden: HashSet<UserId> = online.iter().copied().filter(is_visible).collect();
            for user_id in small[&viewer].iter().filter_map(|id| online_in.get(id)).flatten() {
                hidden.remove(user_id);
            }
            for user_id in hidden {
                diffs.note((viewer, None), user_id, Status::Offline);
            }
        }
        if !viewers.one.is_empty() {
            let count = self.presence.online_count(id, self.store.as_ref()).await?;
            diffs.state(viewers.one.into_iter().collect(), id, &[], Some(count));
        }
        Ok(())
    }
}

/// Shows the members of a group that is small again, as far as they have connections, to its viewers.
fn show(
    id: ConversationId,
    viewers: &Viewers,
    connected: &[(UserId, Status)],
    blocked: &HashSet<BlockedView>,
    diffs: &mut Diffs,
) {
    let is_visible = |viewer: UserId, id: UserId| id != viewer && !blocked.contains(&(viewer, id));
    let visible = |viewer: UserId| connected.iter().copied().filter(move |(id, _)| is_visible(viewer, *id));
    for &viewer in &viewers.all {
        for (user_id, status) in visible(viewer) {
            diffs.note((viewer, None), user_id, status);
        }
    }
    for &viewer in &viewers.one {
        let others: Vec<(UserId, Status)> = visible(viewer).collect();
        diffs.state(vec![viewer], id, &others, None);
    }
}

#[cfg(test)]
mod tests {
    use super::SizeChange;

    #[test]
    fn a_size_crosses_the_bound_with_its_changes() {
        let change = |joins, leaves| SizeChange { joins, leaves };
        assert!(change(1, 0).may_have_crossed(201));
        assert!(change(0, 1).may_have_crossed(200));
        assert!(change(1, 0).may_have_crossed(203), "two more are committed and not delivered yet");
        assert!(!change(1, 0).may_have_crossed(204));
        assert!(change(0, 1).may_have_crossed(198));
        assert!(!change(0, 1).may_have_crossed(197));
        assert!(change(30, 0).may_have_crossed(230));
        assert!(change(30, 30).may_have_crossed(200), "it was large in between");
        assert!(!change(3, 3).may_have_crossed(10) && !change(3, 3).may_have_crossed(5_000));
    }
}
