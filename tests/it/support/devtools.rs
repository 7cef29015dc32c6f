//! A client of the Chrome `DevTools` Protocol: commands and their answers, and what pages complain of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::socket::PATIENCE;

/// The connection to a browser. All its pages' sessions share it.
#[derive(Clone)]
pub(crate) struct DevTools {
    commands: mpsc::UnboundedSender<Command>,
    heard: Arc<Mutex<HashMap<String, Heard>>>,
}

/// What a page has done besides answering.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    /// Errors and warnings of the console, exceptions, violations of the content security policy.
    pub(crate) complaints: Vec<String>,
    /// The text frames that it has sent.
    pub(crate) frames_sent: Vec<String>,
    /// The text frames that it has heard, each with the time in seconds by the browser's clock.
    pub(crate) frames_received: Vec<(f64, String)>,
    /// When it began to open a WebSocket, by the same clock.
    pub(crate) handshakes: Vec<f64>,
}

struct Command {
    message: Value,
    answer: oneshot::Sender<Result<Value, String>>,
}

impl DevTools {
    /// Connects to the address that the browser told.
    pub(crate) async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        // Screenshots are large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let shaking_hands = client_async_with_config(url, socket, Some(config));
        let (stream, _) = timeout(PATIENCE, shaking_hands).await.expect("the browser answers").unwrap();
        let (commands, wanted) = mpsc::unbounded_channel();
        let heard = Arc::default();
        tokio::spawn(run(stream, wanted, Arc::clone(&heard)));
        Self { commands, heard }
    }

    /// Does a command, in a page's session or the browser's own (an empty name).
    pub(crate) async fn call(&self, session: &str, method: &str, params: Value) -> Result<Value, String> {
        let mut message = json!({"method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command { message, answer }).map_err(|_| "the browser is gone".to_owned())?;
        let answer = timeout(PATIENCE * 2, answered).await.map_err(|_| format!("{method} was not answered"))?;
        answer.map_err(|_| "the browser is gone".to_owned())?
    }

    /// What a page has done up to its last answer.
    pub(crate) fn heard(&self, session: &str) -> Heard {
        self.heard.lock().unwrap().get(session).cloned().unwrap_or_default()
    }
}

async fn run(
    mut stream: WebSocketStream<TcpStream>,
    mut wanted: mpsc::UnboundedReceiver<Command>,
    heard: Arc<Mutex<HashMap<String, Heard>>>,
) {
    let mut waiting: HashMap<u64, oneshot::Sender<Result<Value, String>>> = HashMap::new();
    let mut last_id = 0;
    loop {
        tokio::select! {
            command = wanted.recv() => {
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
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send(failed.map_or(Ok(message["result"].take()), Err));
                } else if let Some(session) = message["sessionId"].as_str() {
                    note(heard.lock().unwrap().entry(session.to_owned()).or_default(), &message);
                }
            }
        }
    }
}

fn note(heard: &mut Heard, event: &Value) {
    let params = &event["params"];
    let complaint = match event["method"].as_str().unwrap_or_default() {
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
        "Network.webSocketFrameSent" => {
            return heard.frames_sent.extend(params["response"]["payloadData"].as_str().map(str::to_owned));
        }
        "Network.webSocketFrameReceived" => {
            let (time, text) = (params["timestamp"].as_f64(), params["response"]["payloadData"].as_str());
            return heard.frames_received.extend(time.zip(text.map(str::to_owned)));
        }
        "Network.webSocketWillSendHandshakeRequest" => return heard.handshakes.extend(params["timestamp"].as_f64()),
        _ => return,
    };
    heard.complaints.push(complaint);
}
