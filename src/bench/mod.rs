//! `chinwag bench`: how fast a server is, in the manner of `nats bench` and `redis-benchmark`.
//!
//! The command prepares a database, starts this program on it as a server, and plays a scenario on that [`Stage`]. A program may
//! bring a stage of its own, with another server on it, and call the scenarios itself: `benches/` measures limits so.
//!
//! [`fanout`], [`pairs`] and [`rooms`] send messages, which are counted at every ear (`client_pool`); [`connect`], [`history`] and
//! [`login`] ask and are answered; [`idle()`] looks at memory.

mod client_pool;
mod command;
mod environment;
mod frames;
mod http_client;
mod idle;
mod message_scenarios;
mod options;
mod population;
mod precise_timer;
mod process;
mod progress;
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
pub use options::{Connect, Fanout, History, Idle, Load, Login, Pace, Pairs, Rooms};
pub use process::{Cpu, resident_bytes};
pub use request_scenarios::{connect, history, login};
pub use run_result::{Count, Figures, median};
