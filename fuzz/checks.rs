//! Checks that must hold for all bytes that a client can send. The fuzz targets and the tests use them.

#![allow(dead_code)] // each target is a program that uses one of these
#![allow(clippy::unwrap_used)] // a panic is what the fuzzer looks for

use std::cell::OnceCell;
use std::net::TcpListener;

use bytes::Bytes;
use chinwag::api::{self, OPERATIONS, OperationKind, Transports};
use chinwag::domain::session::Caller;
use chinwag::domain::{ConversationId, Error, SessionId, Timestamp, UserId};
use chinwag::http::router::Router;
use chinwag::limits;
use chinwag::registry::{Holder, Registry};
use chinwag::server::routes;
use chinwag::transport::Query;
use chinwag::wire::client_frame::{ClientFrame, Reference};
use chinwag::wire::frames as wire_frames;
use chinwag::wire::input::Input;
use chinwag::wire::{parse, problem, requests};
use chinwag::ws::{ClientMessage, ConnectionEnd, Socket};
use hyper::Method;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// Parses JSON of a frame or of a request's body.
pub(crate) fn frames(bytes: &[u8]) {
    let text = str::from_utf8(bytes);
    if let Ok(frame) = text.map_err(drop).and_then(|text| parse::<ClientFrame<'_>>(text).map_err(drop)) {
        assert!(bytes.windows(4).any(|window| window == b"type") || bytes.contains(&b'\\'), "{}", frame.r#type);
    }
    let input = Input { body: Bytes::copy_from_slice(bytes), ..Input::default() };
    assert!(text.is_ok() || input.parse::<requests::Nothing>().is_err(), "JSON is UTF-8");
    let _ = input.parse::<requests::accounts::Register>();
    let _ = input.parse::<requests::conversations::CreateConversation>();
    let _ = input.parse::<requests::messages::ListMessages>();
    let path = Input { fields: vec![("conversation_id".into(), ConversationId::new().to_string())], ..input };
    let _ = path.parse::<requests::messages::SendMessage>();
    if let Ok(text) = str::from_utf8(bytes) {
        let reference = Reference::skim(text);
        assert!(reference.reference.is_none_or(|text| text.chars().count() <= limits::REF_CHARS_MAX));
    }
}

/// Dispatches a text frame as far as that needs no store: to its operation and the operation's input.
pub(crate) fn dispatch(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let frame = match parse::<ClientFrame<'_>>(text) {
        Ok(frame) => frame,
        Err(error) => {
            assert_refusal(&error);
            let skimmed = Reference::skim(text);
            assert!(skimmed.reference.is_none_or(|text| text.chars().count() <= limits::REF_CHARS_MAX));
            return;
        }
    };
    if let Some(operation) = api::operation(&frame.r#type) {
        assert_eq!(operation.name, frame.r#type);
    }
    let Some(input) = frame.input.filter(|input| input.get().starts_with('{')) else { return };
    let input = input.get();
    // The raw text of one value can be repeated in another frame.
    let again = format!(r#"{{"type":"ping","input":{input}}}"#);
    assert_eq!(parse::<ClientFrame<'_>>(&again).ok().and_then(|frame| frame.input).unwrap().get(), input);
    let caller = Caller { user_id: UserId::new(), session_id: SessionId::new(), expires_at: Timestamp::now() };
    let conversation = frame.conversation_id.map(|id| ("conversation_id".into(), id.to_string()));
    let body = Bytes::copy_from_slice(input.as_bytes());
    let input = Input { fields: conversation.into_iter().collect(), body };
    // Every operation gets the input, not only the named one, because inputs differ by little.
    for operation in OPERATIONS.iter().filter(|operation| operation.transports == Transports::Both) {
        let OperationKind::Write { write, .. } = operation.kind else { continue };
        match write(&caller, &input) {
            Ok(write) => {
                assert_eq!(write.actor_id(), caller.user_id);
                assert!(frame.conversation_id.is_none_or(|id| id == write.conversation_id()), "{}", operation.name);
            }
            Err(error) => assert_refusal(&error),
        }
    }
    for refused in [
        input.parse::<requests::Nothing>().err(),
        input.parse::<requests::users::ListUsers>().err(),
        input.parse::<requests::users::GetUser>().err(),
        input.parse::<requests::conversations::CreateConversation>().err(),
        input.parse::<requests::conversations::ListConversations>().err(),
        input.parse::<requests::conversations::OneConversation>().err(),
        input.parse::<requests::members::ListMembers>().err(),
    ] {
        refused.iter().for_each(assert_refusal);
    }
}

/// Checks that the error is the client's fault, can be encoded, and does not repeat all that the client sent.
fn assert_refusal(error: &Error) {
    assert!((400..500).contains(&problem::status(error.code)), "{error:?}");
    let frame = wire_frames::error(error, None, None);
    assert!((1..=8 * 1024).contains(&frame.len()), "{} bytes", frame.len());
}

/// Routes a request. The first byte chooses the method, and the rest is the target.
pub(crate) fn router(bytes: &[u8]) {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::PUT];
    let Some((number, target)) = bytes.split_first() else { return };
    let target = String::from_utf8_lossy(target);
    let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
    match Router::new(routes::all()).find(&methods[usize::from(*number) % methods.len()], path) {
        Ok(found) => assert!(path.starts_with('/') && found.parameters.iter().all(|(_, value)| !value.is_empty())),
        Err(none) => assert!((400..500).contains(&problem::status(none.error.code))),
    }
    let query = Query::new(query);
    let _ = (query.get("cursor"), query.seq("after_seq"), query.pairs());
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    /// A stream that yields no bytes and accepts none.
    static ENDED: OnceCell<std::net::TcpStream> = const { OnceCell::new() };
}

fn ended() -> TcpStream {
    let connect = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        drop(listener.accept().unwrap());
        stream
    };
    ENDED.with(|ended| TcpStream::from_std(ended.get_or_init(connect).try_clone().unwrap()).unwrap())
}

/// Reads bytes that follow a handshake.
pub(crate) fn socket(bytes: &[u8]) {
    RUNTIME.with(|runtime| runtime.block_on(read(bytes)));
}

async fn read(bytes: &[u8]) {
    let mut socket = Socket::new(
        ended(),
        Bytes::copy_from_slice(bytes),
        limits::FRAME_BYTES_MAX,
        &Registry::default(),
        Holder::LOCAL,
    );
    let mut said = 0;
    let end = loop {
        let length = match socket.reader.next().await {
            Ok(ClientMessage::Text(text)) => {
                frames(text.as_bytes());
                text.len()
            }
            Ok(ClientMessage::Binary(bytes)) => bytes.len(),
            Err(end) => break end,
        };
        assert!(length <= limits::FRAME_BYTES_MAX);
        said += length;
    };
    assert!(said <= bytes.len(), "nobody says more than they send");
    if let ConnectionEnd::Close(close) = end {
        assert!(matches!(close.code, 1002 | 1007 | 1009), "{close:?}");
    }
}
