//! A client of the Chrome `DevTools` Protocol: commands with their responses, and the log of each page.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::socket::TEST_TIMEOUT;

/// The connection to a browser, which the sessions of all its pages share.
#[derive(Clone)]
pub(crate) struct DevTools {
    commands: mpsc::UnboundedSender<Command>,
    pages: Arc<Mutex<HashMap<String, PageLog>>>,
}

/// The events of a page that are no response to a command.
#[derive(Clone, Default)]
pub(crate) struct PageLog {
    /// Errors and warnings of the console, exceptions, violations of the content security policy.
    pub(crate) errors: Vec<String>,
    /// The text frames that the page sent.
    pub(crate) frames_sent: Vec<String>,
    /// The text frames that the page received, each with the time in seconds by the browser's clock.
    pub(crate) frames_received: Vec<(f64, String)>,
    /// The times at which the page began to open a WebSocket, by the same clock.
    pub(crate) handshakes: Vec<f64>,
    /// The newest requests, responses and frames with their times, for the message of a failure.
    pub(crate) exchanges: VecDeque<String>,
}

/// Requests, responses and frames of a page that a failure shows.
const EXCHANGES_MAX: usize = 40;
/// Characters of a frame that a failure shows.
const EXCHANGE_CHARS_MAX: usize = 300;

impl PageLog {
    fn exchange(&mut self, time: &Value, words: &str) {
        if self.exchanges.len() == EXCHANGES_MAX {
            self.exchanges.pop_front();
        }
        let words: String = words.chars().take(EXCHANGE_CHARS_MAX).collect();
        self.exchanges.push_back(format!("{:.3} {words}", time.as_f64().unwrap_or_default()));
    }
}

struct Command {
    message: Value,
    answer: oneshot::Sender<Result<Value, String>>,
}

impl DevTools {
    /// Connects to the address that the browser printed.
    pub(crate) async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        // Screenshots are large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let shaking_hands = client_async_with_config(url, socket, Some(config));
        let (stream, _) = timeout(TEST_TIMEOUT, shaking_hands).await.expect("the browser answers").unwrap();
        let (commands, queue) = mpsc::unbounded_channel();
        let pages = Arc::default();
        tokio::spawn(run(stream, queue, Arc::clone(&pages)));
        Self { commands, pages }
    }

    /// Runs a command in the session of a page, or in the browser's own session if the name is empty.
    pub(crate) async fn call(&self, session: &str, method: &str, params: Value) -> Result<Value, String> {
        let mut message = json!({"method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command { message, answer }).map_err(|_| "the browser has ended".to_owned())?;
        let answer = timeout(TEST_TIMEOUT * 2, answered).await.map_err(|_| format!("{method} was not answered"))?;
        answer.map_err(|_| "the browser has ended".to_owned())?
    }

    /// Returns the log of a page, complete up to the last response.
    pub(crate) fn page_log(&self, session: &str) -> PageLog {
        self.pages.lock().unwrap().get(session).cloned().unwrap_or_default()
    }
}

async fn run(
    mut stream: WebSocketStream<TcpStream>,
    mut queue: mpsc::UnboundedReceiver<Command>,
    pages: Arc<Mutex<HashMap<String, PageLog>>>,
) {
    let mut waiting: HashMap<u64, oneshot::Sender<Result<Value, String>>> = HashMap::new();
    let mut last_id = 0;
    loop {
        tokio::select! {
            command = queue.recv() => {
                let Some(Command { mut message, answer }) = command else { return };
                last_id += 1;
                message["id"] = last_id.into();
                waiting.insert(last_id, answer);
                if stream.send(Message::text(message.to_string())).await.is_err() {
                    return;
                }
            }
            message = stream.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if let Some(answer) = message["id"].as_u64().and_then(|id| waiting.remove(&id)) {
                    let failed = message["error"]["message"].as_str().map(str::to_owned);
                    // The caller may have stopped waiting.
                    let _ = answer.send(failed.map_or(Ok(message["result"].take()), Err));
                } else if let Some(session) = message["sessionId"].as_str() {
                    note(pages.lock().unwrap().entry(session.to_owned()).or_default(), &message);
                }
            }
        }
    }
}

fn note(log: &mut PageLog, event: &Value) {
    let params = &event["params"];
    let time = &params["timestamp"];
    let error = match event["method"].as_str().unwrap_or_default() {
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            format!("{} {}", details["text"], details["exception"]["description"])
        }
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "warning" | "assert")) => {
            format!("console.{}: {}", params["type"], params["args"])
        }
        "Log.entryAdded" if matches!(params["entry"]["level"].as_str(), Some("error" | "warning")) => {
            let entry = &params["entry"];
            format!("{}: {} ({})", entry["source"], entry["text"], entry["url"])
        }
        "Network.requestWillBeSent" => {
            let request = &params["request"];
            return log.exchange(time, &format!("{} {}", request["method"], request["url"]));
        }
        "Network.responseReceived" => {
            let response = &params["response"];
            return log.exchange(time, &format!("{} {}", response["status"], response["url"]));
        }
        "Network.webSocketFrameSent" => {
            let Some(text) = params["response"]["payloadData"].as_str() else { return };
            log.exchange(time, &format!("sent {text}"));
            return log.frames_sent.push(text.to_owned());
        }
        "Network.webSocketFrameReceived" => {
            let Some(text) = params["response"]["payloadData"].as_str() else { return };
            log.exchange(time, &format!("received {text}"));
            return log.frames_received.extend(time.as_f64().map(|time| (time, text.to_owned())));
        }
        "Network.webSocketWillSendHandshakeRequest" => return log.handshakes.extend(params["timestamp"].as_f64()),
        _ => return,
    };
    log.errors.push(error);
}
