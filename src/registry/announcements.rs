//! Announcements: the heads that heartbeats announce to a connection.

use super::connection::SubscriptionSet;
use super::{Connection, Registry};
use crate::domain::{ConversationId, Seq};
use crate::limits;

impl Registry {
    /// Returns the connection's live conversations in which events were delivered since they were last announced, each with its newest
    /// number. Returns at most `limit` of them, and goes on after the last one when it is called again, so that busy conversations do not keep
    /// out others. The connection's send queue has received all events up to these numbers.
    pub fn unannounced_heads(&self, connection: &Connection, limit: usize) -> Vec<(ConversationId, Seq)> {
        let (mut heads, mut compared) = (Vec::new(), 0);
        let Some((mut after, all)) = connection.subscriptions().as_ref().map(SubscriptionSet::announcements) else {
            return heads;
        };
        while compared < all && heads.len() < limit {
            let page_max = limits::RECONCILE_PAGE.min(all - compared).min(limit - heads.len());
            let page: Vec<(ConversationId, Option<Seq>)> = {
                let subscriptions = connection.subscriptions();
                let next = subscriptions.as_ref().map(|subscriptions| subscriptions.after(after, page_max));
                let next = next.unwrap_or_default().iter();
                next.map(|(id, state)| (*id, state.live_from.map(|_| state.announced))).collect()
            };
            let Some(&(last, _)) = page.last() else { break };
            (after, compared) = (Some(last), compared + page.len());
            // During a delivery the watermark may be ahead of the send queue. Such a conversation is announced another time.
            let head = |id| self.try_delivery_guard(id)?.watermark();
            let news = page.into_iter().filter_map(|(id, announced)| {
                let announced = announced?;
                Some((id, head(id).filter(|head| *head > announced)?))
            });
            heads.extend(news);
        }
        if let Some(subscriptions) = connection.subscriptions().as_mut() {
            subscriptions.set_announced(after, &heads);
        }
        heads
    }
}
