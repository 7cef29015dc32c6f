//! The client keeps the user's conversations, and the number of the last event that it applied to each.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

/// Conversations that are known at most: as many as one account can make, and as many again.
pub(super) const CONVERSATIONS_MAX: usize = 10_000;
/// Conversations of one `resume` frame, the protocol's bound.
const RESUMES_MAX: usize = 500;

/// A conversation.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) title: String,
    /// The other user's username in a direct conversation.
    pub(super) peer: Option<String>,
    pub(super) unread: i64,
    /// The number of the last event that was applied, and the id of its message.
    last_seq: i64,
    last_id: Option<String>,
    /// The server still sends what came after `last_seq`.
    is_resuming: bool,
}

/// Where an event stands after those that were applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the next one.
    Next,
    /// It was applied before.
    Known,
    /// Others are missing before it.
    AfterGap,
}

/// The conversations, in the order in which they were last listed.
#[derive(Default)]
pub(super) struct Conversations {
    by_id: HashMap<String, Conversation>,
    order: Vec<String>,
}

impl Conversations {
    /// Applies a page of the list. Of a conversation that was not known, the events are new that come from now on; with `unread` also those
    /// that the user has not read, because it began while the client was away.
    pub(super) fn learn(&mut self, items: &[Value], unread: bool) {
        for item in items {
            let id = text(&item["id"]);
            let peer = item["peer"]["username"].as_str().map(str::to_owned);
            let title = match item["peer"]["name"].as_str() {
                Some(name) => name.to_owned(),
                None => text(&item["name"]),
            };
            let last_seq = item[if unread { "read_seq" } else { "last_seq" }].as_i64().unwrap_or_default();
            let known = self.by_id.entry(id.clone()).or_insert_with(|| {
                self.order.push(id);
                // The id of a message that is the last event makes a restored backup show.
                let last = &item["last_message"];
                let last_id = (last["seq"] == last_seq).then(|| text(&last["id"]));
                Conversation { last_seq, last_id, ..Conversation::default() }
            });
            known.title = title;
            known.peer = peer;
            known.unread = item["unread_count"].as_i64().unwrap_or_default();
        }
    }

    /// Sets the order of a new listing, and forgets what is not in it.
    pub(super) fn keep_only(&mut self, listed: Vec<String>) {
        let ids: HashSet<&String> = listed.iter().collect();
        self.by_id.retain(|id, _| ids.contains(id));
        self.order = listed;
    }

    pub(super) fn forget(&mut self, id: &str) -> Option<Conversation> {
        self.order.retain(|known| known != id);
        self.by_id.remove(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Conversation> {
        self.by_id.get(id)
    }

    /// Returns the conversations in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Conversation)> {
        self.order.iter().filter_map(|id| self.by_id.get(id).map(|conversation| (id.as_str(), conversation)))
    }

    /// Returns the one at a place of the list, from 1.
    pub(super) fn at(&self, place: usize) -> Option<String> {
        self.order.get(place.checked_sub(1)?).cloned()
    }

    /// Returns the direct conversation with the user of this username.
    pub(super) fn direct_with(&self, username: &str) -> Option<String> {
        let is_theirs = |peer: &String| peer.eq_ignore_ascii_case(username);
        self.iter().find(|(_, known)| known.peer.as_ref().is_some_and(is_theirs)).map(|(id, _)| id.to_owned())
    }

    /// Returns the groups of this name.
    pub(super) fn groups_called(&self, name: &str) -> Vec<String> {
        let name = name.to_lowercase();
        let is_called = |known: &Conversation| known.peer.is_none() && known.title.to_lowercase() == name;
        self.iter().filter(|(_, known)| is_called(known)).map(|(id, _)| id.to_owned()).collect()
    }

    /// Returns the frames that resume all conversations.
    pub(super) fn resumes(&mut self) -> Vec<Value> {
        let ids: Vec<String> = self.by_id.keys().cloned().collect();
        ids.chunks(RESUMES_MAX).map(|ids| self.resume(ids)).collect()
    }

    /// Returns the frame that resumes these conversations, at most [`RESUMES_MAX`].
    pub(super) fn resume(&mut self, ids: &[String]) -> Value {
        let mut positions = Map::new();
        for id in ids {
            let Some(known) = self.by_id.get_mut(id) else { continue };
            known.is_resuming = true;
            let position = match &known.last_id {
                Some(last_id) => json!({"seq": known.last_seq, "id": last_id}),
                None => json!(known.last_seq),
            };
            positions.insert(id.clone(), position);
        }
        json!({"type": "resume", "conversations": positions})
    }

    /// Returns those of which a heartbeat names a number that was not heard.
    pub(super) fn behind(&self, heads: &Map<String, Value>) -> Vec<String> {
        let is_behind = |id: &str, head: &Value| {
            self.by_id.get(id).is_some_and(|known| known.last_seq < head.as_i64().unwrap_or_default())
        };
        heads.iter().filter(|(id, head)| is_behind(id, head)).map(|(id, _)| id.clone()).collect()
    }

    /// Applies the number of an event, if it is the next. The numbers of a conversation have no gaps.
    pub(super) fn advance(&mut self, frame: &Value) -> Place {
        let (Some(id), Some(seq)) = (frame["conversation_id"].as_str(), frame["seq"].as_i64()) else {
            return Place::Known;
        };
        let Some(known) = self.by_id.get_mut(id) else { return Place::Known };
        if seq <= known.last_seq {
            return Place::Known;
        }
        if seq > known.last_seq + 1 {
            return Place::AfterGap;
        }
        known.last_seq = seq;
        known.last_id = frame["message"]["id"].as_str().map(str::to_owned);
        Place::Next
    }

    /// Returns true if the server still sends what came before.
    pub(super) fn is_resuming(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|known| known.is_resuming)
    }

    /// Notes that the server has sent everything up to now.
    pub(super) fn resumed(&mut self, id: &str) {
        if let Some(known) = self.by_id.get_mut(id) {
            known.is_resuming = false;
        }
    }

    /// Starts a conversation over at a number.
    pub(super) fn restart(&mut self, id: &str, last_seq: i64) {
        if let Some(known) = self.by_id.get_mut(id) {
            (known.last_seq, known.last_id) = (last_seq, None);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Conversations, Place};

    fn known() -> Conversations {
        let mut conversations = Conversations::default();
        conversations.learn(
            &[
                json!({"id": "a", "name": "Team", "last_seq": 4, "last_message": {"id": "m4", "seq": 4}}),
                json!({"id": "b", "peer": {"username": "grace", "name": "Grace Hopper"}, "last_seq": 2}),
            ],
            false,
        );
        conversations
    }

    #[test]
    fn conversations_are_found_by_what_people_call_them() {
        let conversations = known();
        assert_eq!([0, 1, 2, 3].map(|place| conversations.at(place)), [None, Some("a".into()), Some("b".into()), None]);
        assert_eq!(conversations.groups_called("TEAM"), ["a"]);
        assert_eq!(conversations.direct_with("Grace").as_deref(), Some("b"));
        assert!(conversations.groups_called("Grace Hopper").is_empty(), "that is no group");
        assert_eq!(conversations.direct_with("team"), None, "a group has no username");
    }

    #[test]
    fn events_are_applied_once_and_resumed_from_the_last() {
        let mut conversations = known();
        let event = json!({"conversation_id": "a", "seq": 5, "message": {"id": "m5"}});
        assert_eq!(conversations.advance(&json!({"conversation_id": "a", "seq": 6})), Place::AfterGap);
        assert_eq!(conversations.advance(&event), Place::Next);
        assert_eq!(conversations.advance(&event), Place::Known);
        let resume = conversations.resume(&["a", "b", "unknown"].map(str::to_owned));
        assert!(conversations.is_resuming("a"));
        assert_eq!(resume["conversations"], json!({"a": {"seq": 5, "id": "m5"}, "b": 2}));
        let heads = json!({"a": 6, "b": 2, "unknown": 9});
        assert_eq!(conversations.behind(heads.as_object().unwrap_or(&serde_json::Map::new())), ["a"]);
    }
}
