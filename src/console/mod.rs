//! The console client, `chinwag chat`: an ordinary client of any Chinwag server, for terminals and pipes.
//!
//! ```text
//! command          reads the options, logs in, runs the session, logs out
//! session          the state, the connection, and the loop over input, frames and deadlines
//! commands         runs the user's commands
//! frames           applies the server's frames
//! directory        asks for conversations and users over REST
//! outbox           messages that are not acknowledged
//! conversations    what is known of the user's conversations
//! live             the WebSocket
//! api              REST and tokens
//! stream           TCP, and TLS for https
//! input  screen    lines in, lines out: text or JSON
//! ```
//!
//! It loses nothing that it has taken: a message stays in the outbox until the server has acknowledged it, and is sent again with the same id after
//! each reconnection, which the server recognises. It applies events by their numbers, and resumes from them.

mod api;
mod backoff;
mod command;
mod commands;
mod conversations;
mod directory;
mod frames;
mod input;
mod live;
mod options;
mod outbox;
mod screen;
mod session;
mod stream;

pub use command::run;
