//! A fake server: it has conversations, stores nothing, and has one fault.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

const USER: &str = "01234567-89ab-7def-8123-456789abcdef";
/// The message at which the fault occurs.
const WRONG: usize = 10;
/// Bytes of the head of a client's frame: kind, length and mask.
const HEAD: usize = 8;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A delivery to one connection is lost.
    Drops,
    /// A delivery to one connection is duplicated.
    Doubles,
    /// Two deliveries to one connection are swapped.
    Reorders,
    /// One connection receives another message with that number.
    Differs,
    /// A message is delivered twice to all, under two numbers.
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

/// The conversations by their ids.
#[derive(Default)]
struct Rooms {
    fault: Option<Fault>,
    created: usize,
    by_id: HashMap<String, Arc<Mutex<Room>>>,
}

impl Rooms {
    /// Returns a new id, of a conversation or an account.
    fn create(&mut self) -> String {
        self.created += 1;
        format!("01234567-89ab-7def-8123-{:012}", self.created)
    }

    fn open(&mut self, id: &str) -> Arc<Mutex<Room>> {
        let room = || Arc::new(Mutex::new(Room { id: id.to_owned(), fault: self.fault, ..Room::default() }));
        Arc::clone(self.by_id.entry(id.to_owned()).or_insert_with(room))
    }
}

#[derive(Default)]
struct Room {
    id: String,
    fault: Option<Fault>,
    seq: usize,
    /// The connections; `None` instead of a frame closes one.
    listeners: Vec<UnboundedSender<Option<Vec<u8>>>>,
    /// The frame that is held back from the last connection.
    held: Option<Vec<u8>>,
}

impl Fake {
    pub(super) async fn start(fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rooms = Arc::new(Mutex::new(Rooms { fault, ..Rooms::default() }));
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, Arc::clone(&rooms)));
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

/// Answers requests. The first handshake makes the connection a WebSocket.
async fn serve(mut socket: TcpStream, rooms: Arc<Mutex<Rooms>>) {
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
        if let Some(id) = target.strip_prefix("/ws/") {
            let room = rooms.lock().unwrap().open(id);
            return chat(socket, &room).await;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
        while buffer.len() < length {
            socket.read_buf(&mut buffer).await.unwrap();
        }
        buffer.drain(..length);
        let id = rooms.lock().unwrap().create();
        let body = json!({ "id": id, "access_token": "token", "user": { "id": id } }).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn chat(mut socket: TcpStream, room: &Mutex<Room>) {
    let (sender, mut frames) = unbounded_channel();
    let hello = {
        let mut room = room.lock().unwrap();
        room.listeners.push(sender);
        text(&json!({ "type": "hello", "conversation": { "id": room.id, "last_seq": room.seq } }).to_string())
    };
    let switch = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    socket.write_all(&[&switch[..], &hello].concat()).await.unwrap();
    let mut buffer = Vec::new();
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(Some(frame)) if socket.write_all(&frame).await.is_ok() => {}
                _ => return,
            },
            read = socket.read_buf(&mut buffer) => {
                if read.unwrap_or(0) == 0 {
                    return;
                }
                while let Some(length) = buffer.get(2..HEAD).and_then(|length| length.first_chunk())
                    && let end = HEAD + usize::from(u16::from_be_bytes(*length))
                    && buffer.len() >= end
                {
                    let frame: Vec<u8> = buffer.drain(..end).collect();
                    room.lock().unwrap().deliver(std::str::from_utf8(&frame[HEAD..]).unwrap());
                }
            }
        }
    }
}

impl Room {
    fn deliver(&mut self, frame: &str) {
        let field = |name: &str| frame.split(&format!(r#""{name}":""#)).nth(1)?.split('"').next();
        let event = if field("type") == Some("message.edit") { "message.updated" } else { "message.new" };
        let (id, content) = (field("id").or(field("message_id")).unwrap(), field("content").unwrap());
        self.seq += 1;
        let frame = message(event, &self.id, self.seq, id, content);
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
            Some(Fault::Differs) => {
                all(&message(event, &self.id, self.seq, &id.replace('0', "1"), &content.replace('0', "1")))
            }
            Some(Fault::Renumbers) => {
                self.seq += 1;
                let again = message(event, &self.id, self.seq, id, content);
                return self.listeners.iter().for_each(|listener| {
                    drop(listener.send(Some([&frame[..], &again].concat()))); // it may have closed
                });
            }
            Some(Fault::Refuses) => all(&text(r#"{"type":"error","code":"rate_limited"}"#)),
        };
        let closes = self.fault == Some(Fault::Closes) && wrong.is_empty();
        let (last, others) = self.listeners.split_last().unwrap();
        for listener in others {
            drop(listener.send(Some(frame.clone()))); // it may have closed
        }
        for frame in wrong {
            drop(last.send(Some(frame)));
        }
        if closes {
            drop(last.send(None));
        }
    }
}

/// The JSON of a message, as Chinwag writes it.
fn message(event: &str, conversation: &str, seq: usize, id: &str, content: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"type":"{event}","conversation_id":"{conversation}","seq":{seq},"message":{{"id":"{id}","conversation_id":"{conversation}","seq":{seq},"sender_id":"{USER}","type":"text","content":"{content}","reply_to":null}}}}"#
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
