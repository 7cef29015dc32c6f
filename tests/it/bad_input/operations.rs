//! Operations over WebSocket that are refused.

use std::fmt::Write;

use chinwag::api::{OPERATIONS, Transports};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::Fixture;
use crate::support::server::Server;
use crate::support::socket::Socket;

/// An operation, its `input`, and the code of its refusal. Ada calls it on `/ws`. See [`Fixture::fill`] for `$…$`.
#[rustfmt::skip]
const INPUTS: &[(&str, &str, &str)] = &[
    // Not an object, or not JSON.
    ("me.get", "null", "invalid"),
    ("me.get", "[]", "invalid"),
    ("me.get", "17", "invalid"),
    ("me.get", "true", "invalid"),
    ("me.get", r#""{}""#, "invalid"),
    ("me.get", "[{}]", "invalid"),
    ("me.get", "$[*30000$$]*30000$", "invalid"),
    ("me.get", r#"{},"input":{}"#, "invalid"),
    ("me.get", "", "malformed"),
    ("me.get", "{", "malformed"),
    ("me.get", "{}}", "malformed"),
    ("me.get", "{a:1}", "malformed"),
    ("me.get", r#"{"a":1,}"#, "malformed"),
    ("me.get", r#"{"a":NaN}"#, "malformed"),
    ("me.get", "$[*60000$", "malformed"),
    ("me.get", r#"{"x":$[*60000$"#, "malformed"),
    ("me.get", "{\"a\":\"\u{1}\"}", "malformed"),
    // Half a surrogate pair, duplicate members, and deep nesting.
    ("conversation.update", r#"{"conversation_id":"$room$","name":"\ud83d"}"#, "malformed"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":"x","\ud83d":1}"#, "malformed"),
    ("conversation.update", r#"{"conversation_id":"\ud83d","name":"x"}"#, "malformed"),
    ("message.send", r#"{"conversation_id":"$room$","content":"\udc00\ud800"}"#, "malformed"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":"x","name":"y"}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","conversation_id":"$room$","name":"x"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","content":"ho"}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":$[*20000$$]*20000$}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":$[*20000$$]*20000$}"#, "invalid"),
    ("conversation.get", r#"{"conversation_id":"$nowhere$","x":$[*20000$$]*20000$}"#, "not_found"),
    ("conversation.get", r#"{"conversation_id":"$nowhere$","x":$[*20000$}"#, "malformed"),

    // Sessions.
    ("session.list", r#"{"limit":0}"#, "invalid"),
    ("session.list", r#"{"cursor":7}"#, "invalid"),
    ("session.list", r#"{"cursor":"YWRh"}"#, "invalid"),

    // Users.
    ("user.list", r#"{"q":7}"#, "invalid"),
    ("user.list", r#"{"q":["a"]}"#, "invalid"),
    ("user.list", r#"{"q":"\u0000"}"#, "invalid"),
    ("user.list", r#"{"q":"$x*129$"}"#, "invalid"),
    ("user.list", r#"{"cursor":7}"#, "invalid"),
    ("user.list", r#"{"cursor":"!"}"#, "invalid"),
    ("user.list", r#"{"cursor":"AA"}"#, "invalid"),
    ("user.list", r#"{"limit":0}"#, "invalid"),
    ("user.list", r#"{"limit":201}"#, "invalid"),
    ("user.list", r#"{"limit":-1}"#, "invalid"),
    ("user.list", r#"{"limit":1.5}"#, "invalid"),
    ("user.list", r#"{"limit":1e400}"#, "invalid"),
    ("user.list", r#"{"limit":18446744073709551617}"#, "invalid"),
    ("user.list", r#"{"limit":"x"}"#, "invalid"),
    ("user.list", r#"{"limit":null}"#, "invalid"),
    ("user.list", r#"{"limit":true}"#, "invalid"),
    ("user.list", r#"{"limit":[1]}"#, "invalid"),
    ("user.get", "{}", "invalid"),
    ("user.get", r#"{"user_id":null}"#, "invalid"),
    ("user.get", r#"{"user_id":7}"#, "invalid"),
    ("user.get", r#"{"user_id":"grace"}"#, "invalid"),
    ("user.get", r#"{"user_id":["$grace_id$"]}"#, "invalid"),
    ("user.get", r#"{"user_id":{"id":"$grace_id$"}}"#, "invalid"),
    ("user.get", r#"{"user_id":"$nowhere$"}"#, "not_found"),
    ("user.get", r#"{"user_id":"$room$"}"#, "not_found"),
    ("user.block", "{}", "invalid"),
    ("user.block", r#"{"user_id":7}"#, "invalid"),
    ("user.block", r#"{"user_id":"grace"}"#, "invalid"),
    ("user.block", r#"{"user_id":"$ada_id$"}"#, "invalid"),
    ("user.block", r#"{"user_id":"$nowhere$"}"#, "not_found"),
    ("user.unblock", r#"{"user_id":null}"#, "invalid"),
    ("user.unblock", r#"{"user_id":"$nowhere$"}"#, "not_found"),
    ("block.list", r#"{"limit":0}"#, "invalid"),
    ("block.list", r#"{"cursor":"AA"}"#, "invalid"),

    // Conversations.
    ("conversation.create", "{}", "invalid"),
    ("conversation.create", r#"{"type":"group"}"#, "invalid"),
    ("conversation.create", r#"{"member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":7,"member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":null,"member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"channel","member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":null}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":"$grace_id$"}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":{"0":"$grace_id$"}}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":["grace"]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":[7]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":["$nowhere$"]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","member_ids":[$ids*1001$]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","name":7,"member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","name":"","member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","name":"$x*101$","member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"group","name":"\u0000","member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"direct","member_ids":[]}"#, "invalid"),
    ("conversation.create", r#"{"type":"direct","member_ids":["$ada_id$"]}"#, "invalid"),
    ("conversation.create", r#"{"type":"direct","name":"Us","member_ids":["$grace_id$"]}"#, "invalid"),
    ("conversation.list", r#"{"limit":0}"#, "invalid"),
    ("conversation.list", r#"{"limit":{}}"#, "invalid"),
    ("conversation.list", r#"{"cursor":""}"#, "invalid"),
    ("conversation.list", r#"{"cursor":"YWRh"}"#, "invalid"),
    ("conversation.list", r#"{"cursor":["YWRh"]}"#, "invalid"),
    ("conversation.get", "{}", "invalid"),
    ("conversation.get", r#"{"conversation_id":null}"#, "invalid"),
    ("conversation.get", r#"{"conversation_id":7}"#, "invalid"),
    ("conversation.get", r#"{"conversation_id":"lunch"}"#, "invalid"),
    ("conversation.get", r#"{"conversation_id":["$room$"]}"#, "invalid"),
    ("conversation.get", r#"{"conversation_id":"$nowhere$"}"#, "not_found"),
    ("conversation.get", r#"{"conversation_id":"$theirs$"}"#, "not_found"),
    ("conversation.get", r#"{"conversation_id":"$left$"}"#, "not_found"),
    ("conversation.update", r#"{"name":"Mine"}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":null}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":7}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":" "}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$room$","name":"$x*101$"}"#, "invalid"),
    ("conversation.update", r#"{"conversation_id":"$direct$","name":"Us"}"#, "forbidden"),
    ("conversation.update", r#"{"conversation_id":"$nowhere$","name":"Mine"}"#, "not_found"),
    ("conversation.update", r#"{"conversation_id":"$theirs$","name":"Mine"}"#, "not_found"),
    ("conversation.update", r#"{"conversation_id":"$left$","name":"Mine"}"#, "not_found"),
    ("conversation.delete", "{}", "invalid"),
    ("conversation.delete", r#"{"conversation_id":7}"#, "invalid"),
    ("conversation.delete", r#"{"conversation_id":"$direct$"}"#, "forbidden"),
    ("conversation.delete", r#"{"conversation_id":"$nowhere$"}"#, "not_found"),
    ("conversation.delete", r#"{"conversation_id":"$theirs$"}"#, "not_found"),
    ("conversation.delete", r#"{"conversation_id":"$left$"}"#, "not_found"),
    ("conversation.leave", "{}", "invalid"),
    ("conversation.leave", r#"{"conversation_ids":null}"#, "invalid"),
    ("conversation.leave", r#"{"conversation_ids":"$room$"}"#, "invalid"),
    ("conversation.leave", r#"{"conversation_ids":["lunch"]}"#, "invalid"),
    ("conversation.leave", r#"{"conversation_ids":[7]}"#, "invalid"),
    ("conversation.leave", r#"{"conversation_ids":[$ids*101$]}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("notifications.update", r#"{"level":"none"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":null}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":7}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"ALL"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none\u0000"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none","until":7}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none","until":""}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none","until":"2026-11-26"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none","until":"2026-02-30T00:00:00Z"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"none","until":"$9*60000$"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$room$","level":"all","until":"2026-11-26T15:30:00Z"}"#, "invalid"),
    ("notifications.update", r#"{"conversation_id":"$nowhere$","level":"none"}"#, "not_found"),
    ("notifications.update", r#"{"conversation_id":"$theirs$","level":"none"}"#, "not_found"),
    ("notifications.update", r#"{"conversation_id":"$left$","level":"none"}"#, "not_found"),

    // Members.
    ("member.list", "{}", "invalid"),
    ("member.list", r#"{"conversation_id":7}"#, "invalid"),
    ("member.list", r#"{"conversation_id":"$room$","limit":"x"}"#, "invalid"),
    ("member.list", r#"{"conversation_id":"$room$","cursor":"AA"}"#, "invalid"),
    ("member.list", r#"{"conversation_id":"$theirs$"}"#, "not_found"),
    ("member.list", r#"{"conversation_id":"$left$"}"#, "not_found"),
    ("member.add", r#"{"user_id":"$grace_id$"}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$","user_id":7}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$","user_id":"grace"}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$","user_id":"$nowhere$"}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$","user_id":"$grace_id$","role":7}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$room$","user_id":"$grace_id$","role":"god"}"#, "invalid"),
    ("member.add", r#"{"conversation_id":"$theirs$","user_id":"$ada_id$"}"#, "not_found"),
    ("member.add", r#"{"conversation_id":"$left$","user_id":"$ada_id$"}"#, "not_found"),
    ("member.update", r#"{"conversation_id":"$room$","user_id":"$grace_id$"}"#, "invalid"),
    ("member.update", r#"{"conversation_id":"$room$","role":"admin"}"#, "invalid"),
    ("member.update", r#"{"user_id":"$grace_id$","role":"admin"}"#, "invalid"),
    ("member.update", r#"{"conversation_id":"$room$","user_id":"$grace_id$","role":["admin"]}"#, "invalid"),
    ("member.update", r#"{"conversation_id":"$room$","user_id":"$grace_id$","role":"admin\u0000"}"#, "invalid"),
    ("member.update", r#"{"conversation_id":"$room$","user_id":[],"role":"admin"}"#, "invalid"),
    ("member.update", r#"{"conversation_id":"$room$","user_id":"$nowhere$","role":"admin"}"#, "not_found"),
    ("member.update", r#"{"conversation_id":"$theirs$","user_id":"$ada_id$","role":"owner"}"#, "not_found"),
    ("member.update", r#"{"conversation_id":"$left$","user_id":"$ada_id$","role":"owner"}"#, "not_found"),
    ("member.remove", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("member.remove", r#"{"user_id":"$grace_id$"}"#, "invalid"),
    ("member.remove", r#"{"conversation_id":"$room$","user_id":true}"#, "invalid"),
    ("member.remove", r#"{"conversation_id":"$room$","user_id":"$nowhere$"}"#, "not_found"),
    ("member.remove", r#"{"conversation_id":"$room$","user_id":"$ada_id$"}"#, "forbidden"),
    ("member.remove", r#"{"conversation_id":"$theirs$","user_id":"$grace_id$"}"#, "not_found"),
    ("member.remove", r#"{"conversation_id":"$left$","user_id":"$grace_id$"}"#, "not_found"),

    // Messages.
    ("message.send", "{}", "invalid"),
    ("message.send", r#"{"content":"hi"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":null}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":{"text":"hi"}}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":" \n"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi\u0000"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"$x*16385$"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","id":7}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","id":"mine"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","id":"$grace_said$"}"#, "id_taken"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","type":7}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","type":"system"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","reply_to":7}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$room$","content":"hi","reply_to":"$nowhere$"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$direct$","content":"hi","reply_to":"$hers$"}"#, "invalid"),
    ("message.send", r#"{"conversation_id":"$nowhere$","content":"hi"}"#, "not_found"),
    ("message.send", r#"{"conversation_id":"$theirs$","content":"hi"}"#, "not_found"),
    ("message.send", r#"{"conversation_id":"$left$","content":"hi"}"#, "not_found"),
    ("message.edit", r#"{"conversation_id":"$room$","content":"x"}"#, "invalid"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":"$hers$"}"#, "invalid"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":7,"content":"x"}"#, "invalid"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":"$hers$","content":["x"]}"#, "invalid"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":"$hers$","content":""}"#, "invalid"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":"$grace_said$","content":"x"}"#, "forbidden"),
    ("message.edit", r#"{"conversation_id":"$room$","message_id":"$nowhere$","content":"x"}"#, "not_found"),
    ("message.edit", r#"{"conversation_id":"$direct$","message_id":"$hers$","content":"x"}"#, "not_found"),
    ("message.edit", r#"{"conversation_id":"$theirs$","message_id":"$hers$","content":"x"}"#, "not_found"),
    ("message.edit", r#"{"conversation_id":"$left$","message_id":"$hers$","content":"x"}"#, "not_found"),
    ("message.delete", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.delete", r#"{"conversation_id":"$room$","message_id":["$hers$"]}"#, "invalid"),
    ("message.delete", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("message.delete", r#"{"conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    ("message.delete", r#"{"conversation_id":"$left$","message_id":"$hers$"}"#, "not_found"),

    // Receipts.
    ("message.read", "{}", "invalid"),
    ("message.read", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$room$","seq":null}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$room$","seq":-1}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$room$","seq":1.5}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$room$","seq":"x"}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$room$","seq":9223372036854775808}"#, "invalid"),
    ("message.read", r#"{"conversation_id":"$nowhere$","seq":1}"#, "not_found"),
    ("message.read", r#"{"conversation_id":"$theirs$","seq":1}"#, "not_found"),
    ("message.read", r#"{"conversation_id":"$left$","seq":1}"#, "not_found"),
    ("message.unread", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.unread", r#"{"conversation_id":"$room$","seq":1}"#, "invalid"),
    ("message.unread", r#"{"conversation_id":"$room$","from_seq":[1]}"#, "invalid"),
    ("message.unread", r#"{"conversation_id":"$theirs$","from_seq":1}"#, "not_found"),
    ("message.unread", r#"{"conversation_id":"$left$","from_seq":1}"#, "not_found"),
    // Pins.
    ("message.pin", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.pin", r#"{"conversation_id":"$room$","message_id":7}"#, "invalid"),
    ("message.pin", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("message.pin", r#"{"conversation_id":"$direct$","message_id":"$hers$"}"#, "not_found"),
    ("message.pin", r#"{"conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    ("message.pin", r#"{"conversation_id":"$left$","message_id":"$hers$"}"#, "not_found"),
    ("message.unpin", r#"{"message_id":"$hers$"}"#, "invalid"),
    ("message.unpin", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("message.unpin", r#"{"conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    ("pin.list", "{}", "invalid"),
    ("pin.list", r#"{"conversation_id":"$room$","limit":201}"#, "invalid"),
    ("pin.list", r#"{"conversation_id":"$room$","cursor":"LTE"}"#, "invalid"),
    ("pin.list", r#"{"conversation_id":"$left$"}"#, "not_found"),

    // Reactions.
    ("reaction.add", "{}", "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","emoji":"👍"}"#, "invalid"),
    ("reaction.add", r#"{"message_id":"$hers$","emoji":"👍"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":7}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":["👍"]}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":""}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"x"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"👍👍"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"👍\u0000"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"$x*10000$"}"#, "invalid"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"\ud83d"}"#, "malformed"),
    ("reaction.add", r#"{"conversation_id":"$room$","message_id":"$nowhere$","emoji":"👍"}"#, "not_found"),
    ("reaction.add", r#"{"conversation_id":"$direct$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.add", r#"{"conversation_id":"$theirs$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.add", r#"{"conversation_id":"$left$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.remove", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"x"}"#, "invalid"),
    ("reaction.remove", r#"{"conversation_id":"$room$","message_id":"$nowhere$","emoji":"👍"}"#, "not_found"),
    ("reaction.remove", r#"{"conversation_id":"$theirs$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.clear", r#"{"conversation_id":"$room$","message_id":"$hers$"}"#, "invalid"),
    ("reaction.clear", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"x"}"#, "invalid"),
    ("reaction.clear", r#"{"conversation_id":"$room$","message_id":"$nowhere$","emoji":"👍"}"#, "not_found"),
    ("reaction.clear", r#"{"conversation_id":"$theirs$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.clear", r#"{"conversation_id":"$left$","message_id":"$hers$","emoji":"👍"}"#, "not_found"),
    ("reaction.list", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("reaction.list", r#"{"conversation_id":"$room$","message_id":"$hers$","emoji":"x"}"#, "invalid"),
    ("reaction.list", r#"{"conversation_id":"$room$","message_id":"$hers$","limit":0}"#, "invalid"),
    ("reaction.list", r#"{"conversation_id":"$room$","message_id":"$hers$","cursor":"YWRh"}"#, "invalid"),
    ("reaction.list", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("reaction.list", r#"{"conversation_id":"$left$","message_id":"$hers$"}"#, "not_found"),

    // Saved messages.
    ("saved.list", r#"{"limit":0}"#, "invalid"),
    ("saved.list", r#"{"limit":"x"}"#, "invalid"),
    ("saved.list", r#"{"cursor":7}"#, "invalid"),
    ("saved.list", r#"{"cursor":"YWRh"}"#, "invalid"),
    ("message.save", r#"{"conversation_id":"$room$"}"#, "invalid"),
    ("message.save", r#"{"message_id":"$hers$"}"#, "invalid"),
    ("message.save", r#"{"conversation_id":"$room$","message_id":7}"#, "invalid"),
    ("message.save", r#"{"conversation_id":"$room$","message_id":["$hers$"]}"#, "invalid"),
    ("message.save", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("message.save", r#"{"conversation_id":"$direct$","message_id":"$hers$"}"#, "not_found"),
    ("message.save", r#"{"conversation_id":"$nowhere$","message_id":"$hers$"}"#, "not_found"),
    ("message.save", r#"{"conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    ("message.save", r#"{"conversation_id":"$left$","message_id":"$hers$"}"#, "not_found"),
    ("message.unsave", r#"{"conversation_id":"$room$","message_id":null}"#, "invalid"),
    ("message.unsave", r#"{"conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    ("message.unsave", r#"{"conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    ("message.unsave", r#"{"conversation_id":"$left$","message_id":"$hers$"}"#, "not_found"),

    // Unknown operations.
    ("conversation.nope", "{}", "malformed"),
    ("conversation", "{}", "malformed"),
    ("Conversation.get", "{}", "malformed"),
    ("conversation.get ", "{}", "malformed"),
    ("reply", "{}", "malformed"),
    ("", "{}", "malformed"),
];

/// A frame of Ada's on `/ws`, and the code of its refusal.
#[rustfmt::skip]
const FRAMES: &[(&str, &str)] = &[
    (r#"{"type":"me.get"}"#, "invalid"),
    (r#"{"type":"conversation.get","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"conversation.update","conversation_id":"$room$","name":"x"}"#, "invalid"),
    (r#"{"type":"me.get","Input":{}}"#, "invalid"),
    (r#"{"type":"me.get","ref":7,"input":{}}"#, "invalid"),
    (r#"{"type":"me.get","ref":{},"input":{}}"#, "invalid"),
    (r#"{"type":"me.get","ref":["a"],"input":{}}"#, "invalid"),
    (r#"{"type":"me.get","ref":"a","ref":"a","input":{}}"#, "invalid"),
    (r#"{"type":"me.get","ref":"\ud83d","input":{}}"#, "malformed"),
    (r#"{"type":"me.get","type":"me.get","input":{}}"#, "invalid"),
    (r#"{"type":["me.get"],"input":{}}"#, "invalid"),
    (r#"{"input":{}}"#, "invalid"),
    (r#"{"type":"me.get","conversation_id":7,"input":{}}"#, "invalid"),
    (r#"{"type":"me.get","conversation_id":"lunch","input":{}}"#, "invalid"),
    (r#"{"type":"me.get","conversation_id":"\ud83d","input":{}}"#, "malformed"),
    (r#"{"type":"conversation.get","conversation_id":null,"input":{}}"#, "invalid"),
    (r#"{"type":"conversation.get","conversation_id":"$theirs$","input":{}}"#, "not_found"),
    (r#"{"type":"conversation.get","conversation_id":"$left$","input":{"conversation_id":"$room$"}}"#, "invalid"),
    (r#"["me.get",null,null,{}]"#, "invalid"),
];

/// A frame on `/ws/{id}` of the group.
#[rustfmt::skip]
const ON_ONE: &[(&str, &str)] = &[
    (r#"{"type":"conversation.get","conversation_id":"$direct$","input":{}}"#, "invalid"),
    (r#"{"type":"conversation.delete","conversation_id":"$theirs$","input":{}}"#, "invalid"),
    (r#"{"type":"me.get","conversation_id":"$direct$","input":{}}"#, "invalid"),
    (r#"{"type":"conversation.update","input":{"conversation_id":"$direct$"}}"#, "invalid"),
    (r#"{"type":"message.edit","input":{"message_id":"$nowhere$","content":"x"}}"#, "not_found"),
    (r#"{"type":"me.get"}"#, "invalid"),
    (r#"{"type":"message.list","input":{"limit":0}}"#, "invalid"),
    (r#"{"type":"message.list","input":{"before_seq":1,"after_seq":1}}"#, "invalid"),
    (r#"{"type":"ticket.create","input":{}}"#, "malformed"),
];

/// A frame of Grace's, who is an ordinary member of the group.
#[rustfmt::skip]
const OF_A_MEMBER: &[(&str, &str)] = &[
    (r#"{"type":"conversation.update","conversation_id":"$room$","input":{"name":"Mine"}}"#, "forbidden"),
    (r#"{"type":"conversation.delete","conversation_id":"$room$","input":{}}"#, "forbidden"),
    (r#"{"type":"member.add","conversation_id":"$room$","input":{"user_id":"$ada_id$"}}"#, "forbidden"),
    (r#"{"type":"member.update","conversation_id":"$room$","input":{"user_id":"$grace_id$","role":"owner"}}"#, "forbidden"),
    (r#"{"type":"member.remove","conversation_id":"$room$","input":{"user_id":"$ada_id$"}}"#, "forbidden"),
    (r#"{"type":"message.edit","conversation_id":"$room$","input":{"message_id":"$hers$","content":"x"}}"#, "forbidden"),
    (r#"{"type":"message.delete","conversation_id":"$room$","input":{"message_id":"$hers$"}}"#, "forbidden"),
];

/// Sends each frame, and a ping after each, which is answered.
async fn send_all(fixture: &Fixture, socket: &mut Socket, frames: impl Iterator<Item = (String, &str)>) -> String {
    let mut wrong = String::new();
    for (index, (text, code)) in frames.enumerate() {
        socket.raw(Message::text(fixture.fill(&text))).await;
        let answer = socket.next_of(&["error", "reply", "pong", "message.new"]).await;
        if answer["code"] != code {
            writeln!(wrong, "{text}: {answer} instead of {code}").unwrap();
        } else if !answer["status"].is_u64() || !answer["detail"].is_string() || !answer["retryable"].is_boolean() {
            writeln!(wrong, "{text}: {answer} lacks members of a problem").unwrap();
        }
        socket.send(&json!({"type": "ping", "ref": index.to_string()})).await;
        assert_eq!(socket.next_of(&["pong"]).await["ref"], index.to_string(), "the connection is open after {text}");
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_operation_is_an_error_and_stores_nothing() {
    let fixture = Fixture::new().await;
    let mut all = fixture.ada.connect("/ws").await;
    let mut one = fixture.ada.connect(&fixture.room.socket).await;
    let mut member = fixture.grace.connect("/ws").await;
    let only_http = OPERATIONS.iter().filter(|row| row.transports == Transports::Http).flat_map(|row| {
        let with_input = format!(r#"{{"type":"{}","conversation_id":"$room$","input":{{}}}}"#, row.name);
        [with_input, format!(r#"{{"type":"{}"}}"#, row.name)].map(|text| (text, "malformed"))
    });
    let only_http: Vec<_> = only_http.collect();
    assert_eq!(
        only_http.len(),
        2 * 18,
        "sessions, tickets, passwords and the operations for operators are called over HTTP"
    );
    let inputs = INPUTS.iter().map(|(name, input, code)| (format!(r#"{{"type":"{name}","input":{input}}}"#), *code));
    let mut wrong = send_all(&fixture, &mut all, inputs.chain(only_http)).await;
    for (socket, table) in [(&mut all, FRAMES), (&mut one, ON_ONE), (&mut member, OF_A_MEMBER)] {
        wrong += &send_all(&fixture, socket, table.iter().map(|(text, code)| ((*text).to_owned(), *code))).await;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    drop((all, one, member));
    fixture.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_frame_repeats_ref_and_conversation() {
    let fixture = Fixture::new().await;
    let (mut all, mut one) = (fixture.ada.connect("/ws").await, fixture.ada.connect(&fixture.room.socket).await);
    let long = "r".repeat(100);
    // The first five can be parsed. The others are skimmed.
    for rest in [
        r#""type":"conversation.nope","input":{}"#,
        r#""type":"ticket.create","input":{}"#,
        r#""type":"conversation.update","input":{"name":"\ud83d"}"#,
        r#""type":"conversation.update","input":{"name":"\ud83d","name":7}"#,
        r#""type":"conversation.update""#,
        r#""type":7,"input":{}"#,
        r#""type":null"#,
        r#""input":{}"#,
        r#""type":"\ud83d","input":{}"#,
        r#""type":"conversation.get","\ud83d":1,"input":{}"#,
        r#""type":"message.send","content":"\ud83d""#,
        r#""type":"message.send","content":7"#,
        r#""type":"message.send","content":"x","content":"y""#,
        r#""type":"message.edit","message_id":"1","content":"x""#,
        r#""type":"resume","conversations":[]"#,
        r#""type":"auth","token":7"#,
        r#""type":"conversation.get","input":{},"input":{}"#,
        r#""type":7,"x":$[*20000$$]*20000$"#,
    ] {
        let head = fixture.fill(r#""conversation_id":"$room$""#);
        for (reference, expected) in [("r1", "r1"), (long.as_str(), &long[..64])] {
            // In any order.
            for frame in [
                format!(r#"{{"ref":"{reference}",{head},{rest}}}"#),
                format!(r#"{{{rest},{head},"ref":"{reference}"}}"#),
            ] {
                for socket in [&mut all, &mut one] {
                    socket.raw(Message::text(fixture.fill(&frame))).await;
                    let error = socket.next_of(&["error", "reply", "message.new"]).await;
                    assert_eq!(error["type"], "error", "{frame}");
                    assert_eq!((&error["ref"], &error["conversation_id"]), (&json!(expected), &json!(fixture.room.id)));
                    socket.send(&json!({"type": "ping"})).await;
                    socket.next_of(&["pong"]).await;
                }
            }
        }
    }
    // A frame without a conversation, or with an invalid one, has none to repeat but the connection's own.
    for frame in [r#"{"type":7,"ref":"r"}"#, r#"{"type":7,"ref":"r","conversation_id":"lunch"}"#] {
        for (socket, expected) in [(&mut all, None), (&mut one, Some(json!(fixture.room.id)))] {
            socket.raw(Message::text(frame)).await;
            let error = socket.next_of(&["error"]).await;
            assert_eq!((&error["ref"], error.get("conversation_id")), (&json!("r"), expected.as_ref()));
        }
    }
    drop((all, one));
    fixture.assert_untouched().await;
}

#[tokio::test]
async fn only_malformed_frames_count_towards_the_end_of_a_connection() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, theirs) = (ada.group("Lunch", &[&grace]).await, ada.group("Private", &[]).await);
    let mut socket = grace.connect("/ws").await;
    let operation = |name: &str, id: &str, input: Value| json!({"type": name, "conversation_id": id, "input": input});
    for (frame, code) in [
        (operation("conversation.update", &room.id, json!({"name": "Mine"})), "forbidden"),
        (operation("conversation.get", &theirs.id, json!({})), "not_found"),
        (json!({"type": "message.send", "conversation_id": theirs.id, "content": "hi"}), "not_found"),
    ] {
        for _ in 0..20 {
            socket.send(&frame).await;
            assert_eq!(socket.next_of(&["error", "reply"]).await["code"], code);
        }
    }
    // One other refusal between them resets the count.
    let forbidden = operation("conversation.delete", &room.id, json!({}));
    let malformed = [
        (json!({"type": "conversation.nope", "input": {}}), "malformed"),
        (json!({"type": "ticket.create", "input": {}}), "malformed"),
        (operation("conversation.update", &room.id, json!({"name": 7})), "invalid"),
    ];
    for _ in 0..3 {
        for (frame, code) in malformed.iter().cycle().take(9) {
            socket.send(frame).await;
            assert_eq!(socket.next_of(&["error"]).await["code"], *code);
        }
        socket.send(&forbidden).await;
        assert_eq!(socket.next_of(&["error"]).await["code"], "forbidden");
    }
    for (frame, code) in malformed.iter().cycle().take(10) {
        socket.send(frame).await;
        assert_eq!(socket.next_of(&["error"]).await["code"], *code, "each of them is answered first");
    }
    assert_eq!(socket.close_code().await, 4501);
}
