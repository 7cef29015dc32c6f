//! `chinwag bench`: how fast a server is, in the manner of `nats bench` and `redis-benchmark`.
//!
//! The command prepares a database, starts this program on it as a server, and plays a scenario on that [`Stage`]. A program may
//! bring a stage of its own, with another server on it, and call the scenarios itself: `benches/` measures limits so.
//!
//! [`fanout`], [`pairs`] and [`rooms`] send messages, which are counted at every ear (`crowd`); [`connect`], [`history`] and
//! [`login`] ask and are answered; [`idle()`] looks at memory.

mod alarm;
mod answers;
mod command;
mod crowd;
mod deliver;
mod door;
mod figures;
mod frames;
mod http;
mod idle;
mod link;
mod options;
mod prepare;
mod process;
mod progress;
mod report;
mod server;
mod stage;

pub use answers::{connect, history, login};
pub use command::run;
pub use deliver::{fanout, pairs, rooms};
pub use figures::{Count, Figures, median};
pub use idle::{Memory, idle};
pub use options::{Connect, Fanout, History, Idle, Load, Login, Pace, Pairs, Rooms};
pub use process::{Cpu, resident};
pub use stage::{Room, Stage};
