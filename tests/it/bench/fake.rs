//! A server that only pretends: one conversation, nothing stored, and one thing wrong.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

const CONVERSATION: &str = "01234567-89ab-7def-8123-456789abcdef";
/// The message with which something is wrong.
const WRONG: usize = 10;
/// Bytes of a send's frame on `/ws/{id}`: the head with its mask, and the payload.
const SEND: usize = 8 + 144;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A delivery to one connection is left out.
    Drops,
    /// A delivery to one connection comes twice.
    Doubles,
    /// Two deliveries to one connection come in the other order.
    Reorders,
    /// One connection hears another message of that number.
    Differs,
    /// A message comes twice, under two numbers, to all.
    Renumbers,
    /// A send is answered with an error.
    Refuses,
    /// A connection is closed.
    Closes,
}

pub(super) struct Fake {
    pub(super) url: String,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Room {
    fault: Option<Fault>,
    seq: usize,
    /// The connections; nothing instead of a frame closes one.
    listeners: Vec<UnboundedSender<Option<Vec<u8>>>>,
    /// What the last connection has yet to hear.
    held: Option<Vec<u8>>,
}

impl Fake {
    pub(super) async fn start(fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let room = Arc::new(Mutex::new(Room { fault, ..Room::default() }));
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, Arc::clone(&room)));
            }
        });
        Self { url, accepting }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers requests; the first handshake makes it a WebSocket.
async fn serve(mut socket: TcpStream, room: Arc<Mutex<Room>>) {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        if target.starts_with("/ws/") {
            return chat(socket, &room).await;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
        while buffer.len() < length {
            socket.read_buf(&mut buffer).await.unwrap();
        }
        buffer.drain(..length);
        let body = json!({ "id": CONVERSATION, "access_token": "token", "user": { "id": CONVERSATION } }).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn chat(mut socket: TcpStream, room: &Mutex<Room>) {
    let (tell, mut told) = unbounded_channel();
    let hello = {
        let mut room = room.lock().unwrap();
        room.listeners.push(tell);
        text(&json!({ "type": "hello", "conversation": { "id": CONVERSATION, "last_seq": room.seq } }).to_string())
    };
    let switch = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    socket.write_all(&[&switch[..], &hello].concat()).await.unwrap();
    let mut buffer = Vec::new();
    loop {
        tokio::select! {
            frame = told.recv() => match frame {
                Some(Some(frame)) if socket.write_all(&frame).await.is_ok() => {}
                _ => return,
            },
            read = socket.read_buf(&mut buffer) => {
                if read.unwrap_or(0) == 0 {
                    return;
                }
                while buffer.len() >= SEND {
                    let send: Vec<u8> = buffer.drain(..SEND).collect();
                    room.lock().unwrap().deliver(std::str::from_utf8(&send[8..]).unwrap());
                }
            }
        }
    }
}

impl Room {
    fn deliver(&mut self, send: &str) {
        let field = |name: &str| send.split(&format!(r#""{name}":""#)).nth(1).unwrap().split('"').next().unwrap();
        let (id, content) = (field("id"), field("content"));
        self.seq += 1;
        let frame = message(self.seq, id, content);
        let all = |frame: &[u8]| vec![frame.to_vec()];
        let wrong = match self.fault.filter(|_| self.seq == WRONG) {
            None => match self.held.take() {
                Some(held) => vec![frame.clone(), held],
                None => all(&frame),
            },
            Some(Fault::Drops | Fault::Closes) => vec![],
            Some(Fault::Doubles) => vec![frame.clone(), frame.clone()],
            Some(Fault::Reorders) => {
                self.held = Some(frame.clone());
                vec![]
            }
            Some(Fault::Differs) => all(&message(self.seq, &id.replace('0', "1"), content)),
            Some(Fault::Renumbers) => {
                self.seq += 1;
                let again = message(self.seq, id, content);
                return self.listeners.iter().for_each(|listener| {
                    drop(listener.send(Some([&frame[..], &again].concat()))); // it may be gone
                });
            }
            Some(Fault::Refuses) => all(&text(r#"{"type":"error","code":"rate_limited"}"#)),
        };
        let closes = self.fault == Some(Fault::Closes) && wrong.is_empty();
        let (last, others) = self.listeners.split_last().unwrap();
        for listener in others {
            drop(listener.send(Some(frame.clone()))); // it may be gone
        }
        for frame in wrong {
            drop(last.send(Some(frame)));
        }
        if closes {
            drop(last.send(None));
        }
    }
}

/// As Chinwag writes it.
fn message(seq: usize, id: &str, content: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"type":"message.new","conversation_id":"{CONVERSATION}","seq":{seq},"message":{{"id":"{id}","conversation_id":"{CONVERSATION}","seq":{seq},"sender_id":"{CONVERSATION}","type":"text","content":"{content}","reply_to":null}}}}"#
    ))
}

fn text(payload: &str) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut frame = vec![0x81];
    match u8::try_from(length) {
        Ok(short @ ..=125) => frame.push(short),
        _ => frame.extend([&[126], &length.to_be_bytes()[..]].concat()),
    }
    frame.extend(payload.as_bytes());
    frame
}
