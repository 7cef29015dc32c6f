//! `chinwag bench` measures how fast a server is, in the manner of `nats bench` and `redis-benchmark`.
//!
//! The command inserts accounts and conversations into a database, starts this program on it as a server, and runs a scenario on
//! that [`Environment`]. Another program can pass an environment with another server and call the scenarios itself, as
//! `benches/baselines` does.
//!
//! [`fanout`], [`pairs`] and [`rooms`] send messages and check every delivery (`client_pool`); so does `edits` with edits. `reactions` has all members of a room react
//! at once. [`connect`], [`history`] and [`login`] send requests and time the responses. `crowd` sends to more connections than one process may have. [`idle()`] reads
//! the server's memory.

mod client_pool;
mod command;
mod crowd;
mod edits;
mod environment;
mod frames;
mod http_client;
mod idle;
mod listener;
mod message_scenarios;
mod nats_limit;
mod options;
mod population;
mod precise_timer;
mod process;
mod progress;
mod reactions;
mod report;
mod request_scenarios;
mod run_result;
mod server;
mod setup_http;
mod setup_store;
mod websocket;

pub use command::run;
pub use environment::{Environment, Room};
pub use idle::{Memory, idle};
pub use message_scenarios::{fanout, pairs, rooms};
pub use options::{Connect, Crowd, Fanout, History, Idle, Load, Login, Pairs, Rooms, RunSettings};
pub use process::{CpuTime, resident_bytes};
pub use request_scenarios::{connect, history, login};
pub use run_result::{Count, RunResult, median};
