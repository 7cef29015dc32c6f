//! Requests that are refused: one table.

use std::fmt::Write;

use hyper::Method;

use super::Fixture;
use crate::support::client::send_request;

/// Method, path, header fields, body, status, code. See [`Fixture::fill`] for `$…$`.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static [u8], u16, &'static str);

const JSON: (&str, &str) = ("content-type", "application/json");
const ADA: &[(&str, &str)] = &[("authorization", "Bearer $ada$"), JSON];
const ANYBODY: &[(&str, &str)] = &[JSON];
const NOTHING: &[(&str, &str)] = &[];

const REGISTER: &str = "/v1/users/register";
const LOGIN: &str = "/v1/users/login";
const REFRESH: &str = "/v1/users/refresh";
const ME: &str = "/v1/users/me";
const USERS: &str = "/v1/users";
const CONVERSATIONS: &str = "/v1/conversations";
const ROOM: &str = "/v1/conversations/$room$";
const MEMBERS: &str = "/v1/conversations/$room$/members";
const GRACE: &str = "/v1/conversations/$room$/members/$grace_id$";
const HERS: &str = "/v1/conversations/$room$/messages/$hers$";
const MESSAGES: &str = "/v1/conversations/$room$/messages";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Not JSON.
    ("POST", REGISTER, ANYBODY, b"", 400, "malformed"),
    ("POST", REGISTER, ANYBODY, b"{", 400, "malformed"),
    ("POST", REGISTER, ANYBODY, b"username=eve&password=long+enough", 400, "malformed"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":"long enough"} {}"#, 400, "malformed"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":"long enough",}"#, 400, "malformed"),
    ("POST", REGISTER, ANYBODY, br"{'username':'eve','password':'long enough'}", 400, "malformed"),
    ("POST", REGISTER, ANYBODY, b"\xEF\xBB\xBF{\"username\":\"eve\",\"password\":\"long enough\"}", 400, "malformed"),
    ("POST", REGISTER, ANYBODY, b"{\"username\":\"eve\",\"name\":\"\xFF\",\"password\":\"long enough\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"\xC3\x28\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"\xED\xA0\x80\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"hi\",\"nobody knows\":\"\xFF\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"hi\",\"\xFF\":1}", 400, "malformed"),
    ("POST", MESSAGES, ADA, br#"{"content":"\ud800"}"#, 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"a\0b\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, b"{\"content\":\"a\nb\"}", 400, "malformed"),
    ("POST", MESSAGES, ADA, br#"{"content":NaN}"#, 400, "malformed"),
    ("PATCH", ROOM, ADA, b"\x00", 400, "malformed"),
    // Nested too deeply.
    ("POST", MESSAGES, ADA, b"$[*100000$", 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":$[*100000$"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"x":$[*100000$"#, 400, "malformed"),
    ("POST", MESSAGES, ADA, br#"{"x":$[*50000$$]*50000$}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":$[{"a":*10000$"#, 422, "invalid"),
    // Wrong types.
    ("POST", REGISTER, ANYBODY, b"null", 422, "invalid"),
    ("POST", REGISTER, ANYBODY, b"17", 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#""eve""#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"["eve", "Eve", "long enough"]"#, 422, "invalid"),
    ("POST", LOGIN, ANYBODY, br#"["ada", "correct horse"]"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"["group", null, []]"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"[null, "hi", null, null]"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, b"{}", 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":null,"password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":12345678}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":["Eve"],"password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","username":"mallory","password":"long enough"}"#, 422, "invalid"),
    ("POST", LOGIN, ANYBODY, br#"{"username":"ada"}"#, 422, "invalid"),
    ("POST", LOGIN, ANYBODY, br#"{"username":{"not":""},"password":{"not":""}}"#, 422, "invalid"),
    ("POST", REFRESH, ANYBODY, br#"{"refresh_token":null}"#, 422, "invalid"),
    ("PATCH", ME, ADA, br#"{"name":7}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group"}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"channel","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":[],"id":7}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":[],"id":"mine"}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"Group","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":"$grace_id$"}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":["grace"]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":[1]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":[null]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":["$nowhere$"]}"#, 422, "invalid"),
    ("PATCH", ROOM, ADA, b"{}", 422, "invalid"),
    ("PATCH", ROOM, ADA, br#"{"name":null}"#, 422, "invalid"),
    ("POST", MEMBERS, ADA, br#"{"user_id":"grace"}"#, 422, "invalid"),
    ("POST", MEMBERS, ADA, br#"{"user_id":"$nowhere$"}"#, 422, "invalid"),
    ("POST", MEMBERS, ADA, br#"{"user_id":"$grace_id$","role":"god"}"#, 422, "invalid"),
    ("PATCH", GRACE, ADA, b"{}", 422, "invalid"),
    ("PATCH", GRACE, ADA, br#"{"role":["admin"]}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, b"{}", 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":null}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":{"text":"hi"}}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","id":7}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","id":99999999999999999999999999}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","id":""}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","id":"0199a000-0000-7000-8000-00000000000g"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","reply_to":"$nowhere$"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","type":"system"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","content":"ho"}"#, 422, "invalid"),
    // Too short, too long, blank.
    ("POST", REGISTER, ANYBODY, br#"{"username":"e","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"$e*33$","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"e ve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":" eve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"\u00e9ve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"ad\u0430","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":"","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":" \t ","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":"$E*65$","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":"E\nve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":"7 chars"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":"$p*257$"}"#, 422, "invalid"),
    ("POST", LOGIN, ANYBODY, br#"{"username":"ada","password":"$p*100000$"}"#, 401, "bad_credentials"),
    ("POST", LOGIN, ANYBODY, br#"{"username":"$a*100000$","password":"correct horse"}"#, 401, "bad_credentials"),
    ("POST", REFRESH, ANYBODY, br#"{"refresh_token":"$A*100000$"}"#, 401, "unauthorized"),
    ("PATCH", ME, ADA, br#"{"name":" "}"#, 422, "invalid"),
    ("PATCH", ME, ADA, br#"{"name":"$x*65$"}"#, 422, "invalid"),
    ("PATCH", ME, ADA, br#"{"password":"$x*257$","current_password":"correct horse"}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","name":"","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","name":"$x*101$","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","name":"\u001b[2J","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","member_ids":[$ids*1001$]}"#, 422, "invalid"),
    ("PATCH", ROOM, ADA, br#"{"name":"$x*101$"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":""}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":" \n\t\u00a0"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"$x*16385$"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"$\u00e9*8193$"}"#, 422, "invalid"),
    // U+0000 in every text.
    ("POST", REGISTER, ANYBODY, br#"{"username":"e\u0000ve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","name":"E\u0000ve","password":"long enough"}"#, 422, "invalid"),
    ("POST", REGISTER, ANYBODY, br#"{"username":"eve","password":"long\u0000enough"}"#, 422, "invalid"),
    ("POST", LOGIN, ANYBODY, br#"{"username":"ada\u0000","password":"correct horse"}"#, 401, "bad_credentials"),
    ("POST", LOGIN, ANYBODY, br#"{"username":"ada","password":"correct horse\u0000"}"#, 401, "bad_credentials"),
    ("POST", REFRESH, ANYBODY, br#"{"refresh_token":"\u0000"}"#, 401, "unauthorized"),
    ("PATCH", ME, ADA, br#"{"name":"A\u0000da"}"#, 422, "invalid"),
    ("PATCH", ME, ADA, br#"{"password":"long\u0000enough","current_password":"correct horse"}"#, 422, "invalid"),
    ("PATCH", ME, ADA, br#"{"password":"long enough","current_password":"correct horse\u0000"}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group\u0000","member_ids":[]}"#, 422, "invalid"),
    ("POST", CONVERSATIONS, ADA, br#"{"type":"group","name":"Lu\u0000nch","member_ids":[]}"#, 422, "invalid"),
    ("PATCH", ROOM, ADA, br#"{"name":"\u0000"}"#, 422, "invalid"),
    ("PATCH", GRACE, ADA, br#"{"role":"admin\u0000"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"\u0000"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi\u0000"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","type":"text\u0000"}"#, 422, "invalid"),
    ("POST", MESSAGES, ADA, br#"{"content":"hi","id":"\u0000"}"#, 422, "invalid"),
    ("GET", "/v1/users?q=%00", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=%00", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?cursor=AA", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users/%00", ADA, b"", 400, "malformed"),
    ("GET", "/static/page/app.js%00", NOTHING, b"", 400, "malformed"),
    // Not declared as JSON.
    ("POST", REGISTER, NOTHING, br#"{"username":"eve","password":"long enough"}"#, 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "")], b"{}", 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "text/plain")], b"{}", 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "application/x-www-form-urlencoded")], b"a=b", 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "application/jsonp")], b"{}", 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "text/plain; application/json")], b"{}", 415, "unsupported_media_type"),
    ("POST", REGISTER, &[("content-type", "Application/JSON ; charset=utf-8")], b"{}", 422, "invalid"),
    ("POST", MESSAGES, &[("authorization", "Bearer $ada$")], br#"{"content":"hi"}"#, 415, "unsupported_media_type"),
    // No token, or an invalid one.
    ("GET", ME, NOTHING, b"", 401, "unauthorized"),
    ("PATCH", ME, ANYBODY, br#"{"name":"Eve"}"#, 401, "unauthorized"),
    ("POST", "/v1/users/logout", NOTHING, b"", 401, "unauthorized"),
    ("GET", USERS, &[("authorization", "Basic YWRhOmNvcnJlY3QgaG9yc2U=")], b"", 401, "unauthorized"),
    ("GET", USERS, &[("authorization", "Bearer")], b"", 401, "unauthorized"),
    ("GET", USERS, &[("authorization", "Bearer $ada$x")], b"", 401, "unauthorized"),
    ("GET", USERS, &[("authorization", "$ada$")], b"", 401, "unauthorized"),
    ("GET", "/v1/users?token=$ada$", NOTHING, b"", 401, "unauthorized"),
    ("POST", CONVERSATIONS, ANYBODY, br#"{"type":"group","member_ids":[]}"#, 401, "unauthorized"),
    ("GET", ROOM, NOTHING, b"", 401, "unauthorized"),
    ("DELETE", ROOM, NOTHING, b"", 401, "unauthorized"),
    ("DELETE", GRACE, NOTHING, b"", 401, "unauthorized"),
    ("POST", MESSAGES, ANYBODY, br#"{"content":"hi"}"#, 401, "unauthorized"),
    // Objects of other users, and unknown objects.
    ("GET", "/v1/conversations/$theirs$", ADA, b"", 404, "not_found"),
    ("PATCH", "/v1/conversations/$theirs$", ADA, br#"{"name":"Mine"}"#, 404, "not_found"),
    ("DELETE", "/v1/conversations/$theirs$", ADA, b"", 404, "not_found"),
    ("POST", "/v1/conversations/$theirs$/members", ADA, br#"{"user_id":"$ada_id$"}"#, 404, "not_found"),
    ("PATCH", "/v1/conversations/$theirs$/members/$ada_id$", ADA, br#"{"role":"owner"}"#, 404, "not_found"),
    ("DELETE", "/v1/conversations/$theirs$/members/$grace_id$", ADA, b"", 404, "not_found"),
    ("GET", "/v1/conversations/$theirs$/messages", ADA, b"", 404, "not_found"),
    ("POST", "/v1/conversations/$theirs$/messages", ADA, br#"{"content":"hi"}"#, 404, "not_found"),
    ("POST", "/v1/conversations/$nowhere$/messages", ADA, br#"{"content":"hi"}"#, 404, "not_found"),
    ("GET", "/v1/conversations/17", ADA, b"", 404, "not_found"),
    ("GET", "/v1/users/'%20OR%201=1%20--", ADA, b"", 404, "not_found"),
    ("DELETE", "/v1/conversations/$direct$", ADA, b"", 403, "forbidden"),
    ("DELETE", "/v1/conversations/$room$/members/$ada_id$", ADA, b"", 403, "forbidden"),
    // Paths.
    ("GET", "/V1/users", ADA, b"", 404, "not_found"),
    ("GET", "/v1/users/", ADA, b"", 404, "not_found"),
    ("GET", "//v1/users", ADA, b"", 404, "not_found"),
    ("GET", "/v1//users", ADA, b"", 404, "not_found"),
    ("GET", "/v1%2Fusers", ADA, b"", 404, "not_found"),
    ("GET", "/v1/../v1/users", ADA, b"", 400, "malformed"),
    ("GET", "/v1/./users", ADA, b"", 400, "malformed"),
    ("GET", "/static/%2e%2E/Cargo.toml", NOTHING, b"", 400, "malformed"),
    ("GET", "/v1/users/%", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users/%4", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users/%zz", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users/%FF", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users/%C0%AE%C0%AE", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users?q=%", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users?q=%zz", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users?q=%FF", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users/$x*4096$", ADA, b"", 414, "uri_too_long"),
    ("GET", "/v1/users?q=$x*4096$", ADA, b"", 414, "uri_too_long"),
    ("GET", "/$x*9000$", NOTHING, b"", 414, "uri_too_long"),
    // Methods.
    ("PUT", ME, ADA, b"{}", 405, "method_not_allowed"),
    ("DELETE", USERS, ADA, b"", 405, "method_not_allowed"),
    ("GET", LOGIN, NOTHING, b"", 405, "method_not_allowed"),
    ("POST", "/", NOTHING, b"", 405, "method_not_allowed"),
    ("POST", "/health", ANYBODY, b"{}", 405, "method_not_allowed"),
    ("PUT", MESSAGES, ADA, br#"{"content":"hi"}"#, 405, "method_not_allowed"),
    ("TRACE", "/", NOTHING, b"", 405, "method_not_allowed"),
    ("post", MESSAGES, ADA, br#"{"content":"hi"}"#, 405, "method_not_allowed"),
    // Pages.
    ("GET", "/v1/users?limit=0", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=201", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=-1", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=1e2", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=0x10", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=1&limit=2", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?x&x", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?limit=18446744073709551617", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?cursor=!", ADA, b"", 422, "invalid"),
    ("GET", "/v1/users?cursor=%FF", ADA, b"", 400, "malformed"),
    ("GET", "/v1/users?cursor=_w", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations?limit=999", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations?cursor=", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations?cursor=YWRh", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations?cursor=LTEuMDE5OWEwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/members?limit=x", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/members?cursor=AA", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?limit=0", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?before_seq=-1", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?after_seq=9223372036854775808", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?around_seq=", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?around_seq=1.0", ADA, b"", 422, "invalid"),
    ("GET", "/v1/conversations/$room$/messages?before_seq=1&around_seq=1", ADA, b"", 422, "invalid"),
    // Editing and deleting.
    ("PATCH", HERS, ADA, b"", 400, "malformed"),
    ("PATCH", HERS, ADA, b"{}", 422, "invalid"),
    ("PATCH", HERS, ADA, br#"{"content":null}"#, 422, "invalid"),
    ("PATCH", HERS, ADA, br#"{"content":""}"#, 422, "invalid"),
    ("PATCH", HERS, ADA, br#"{"content":"\u0000"}"#, 422, "invalid"),
    ("PATCH", HERS, ADA, br#"{"content":"$x*16385$"}"#, 422, "invalid"),
    ("PATCH", HERS, ANYBODY, br#"{"content":"x"}"#, 401, "unauthorized"),
    ("PUT", HERS, ADA, br#"{"content":"x"}"#, 405, "method_not_allowed"),
    ("GET", HERS, ADA, b"", 405, "method_not_allowed"),
    ("PUT", "/v1/conversations/$room$/read", ADA, b"", 400, "malformed"),
    ("PUT", "/v1/conversations/$room$/read", ADA, b"{}", 422, "invalid"),
    ("PUT", "/v1/conversations/$room$/read", ADA, br#"{"seq":-1}"#, 422, "invalid"),
    ("PUT", "/v1/conversations/$room$/read", ADA, br#"{"seq":true}"#, 422, "invalid"),
    ("PUT", "/v1/conversations/$nowhere$/read", ADA, br#"{"seq":1}"#, 404, "not_found"),
    ("PUT", "/v1/conversations/$theirs$/read", ADA, br#"{"seq":1}"#, 404, "not_found"),
    ("PUT", "/v1/conversations/$left$/read", ADA, br#"{"seq":1}"#, 404, "not_found"),
    ("PUT", "/v1/conversations/$room$/unread", ADA, br#"{"seq":1}"#, 422, "invalid"),
    ("PUT", "/v1/conversations/$theirs$/unread", ADA, br#"{"from_seq":1}"#, 404, "not_found"),
    ("PATCH", "/v1/conversations/$room$/messages/$grace_said$", ADA, br#"{"content":"x"}"#, 403, "forbidden"),
    ("PATCH", "/v1/conversations/$room$/messages/1", ADA, br#"{"content":"x"}"#, 404, "not_found"),
    ("PATCH", "/v1/conversations/$room$/messages/$nowhere$", ADA, br#"{"content":"x"}"#, 404, "not_found"),
    ("PATCH", "/v1/conversations/$direct$/messages/$hers$", ADA, br#"{"content":"x"}"#, 404, "not_found"),
    ("DELETE", "/v1/conversations/$theirs$/messages/$hers$", ADA, b"", 404, "not_found"),
    ("DELETE", "/v1/conversations/$nowhere$/messages/$hers$", ADA, b"", 404, "not_found"),
    ("DELETE", "/v1/conversations/x/messages/$hers$", ADA, b"", 404, "not_found"),
    ("DELETE", HERS, NOTHING, b"", 401, "unauthorized"),
    // The WebSocket's path.
    ("GET", "/ws", ADA, b"", 426, "upgrade_required"),
    ("GET", "/ws/$room$", ADA, b"", 426, "upgrade_required"),
    ("GET", "/ws/nonsense", ADA, b"", 404, "not_found"),
    ("GET", "/ws/$room$?after_seq=x", ADA, b"", 422, "invalid"),
    ("GET", "/ws/$room$?after_seq=1&after_id=x", ADA, b"", 422, "invalid"),
    ("GET", "/ws/$room$?after_id=$hers$", ADA, b"", 422, "invalid"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bad_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new().await;
    let mut wrong = String::new();
    for (method, path, headers, body, status, code) in TABLE {
        let (filled, values) = (fixture.fill(path), headers.iter().map(|(_, value)| fixture.fill(value)));
        let values: Vec<String> = values.collect();
        let headers: Vec<_> = headers.iter().zip(&values).map(|((name, _), value)| (*name, value.as_str())).collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = std::str::from_utf8(body).map_or_else(|_| body.to_vec(), |text| fixture.fill(text).into_bytes());
        let shown = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
        let answer = send_request(fixture.server.address, method.clone(), &filled, &headers, body).await;
        let is_problem = answer.header("content-type") == Some("application/problem+json");
        let got = (answer.status, if is_problem { answer.problem().1 } else { "no problem".to_owned() });
        if got != (*status, (*code).to_owned()) {
            writeln!(wrong, "{method} {path} {shown}: {got:?} instead of {status} {code}").unwrap();
        }
        let challenged = answer.header("www-authenticate") == Some("Bearer");
        if challenged != (*status == 401 && *code != "bad_credentials")
            || answer.header("allow").is_some() != (*status == 405)
        {
            writeln!(wrong, "{method} {path} {shown}: {:?}", answer.headers).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    fixture.assert_untouched().await;
}
