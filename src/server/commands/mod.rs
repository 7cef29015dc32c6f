//! The commands of the binary. Their functions take the arguments, of which the first is the command's name. An error is one line.

pub mod backup;
pub mod check;
pub mod copy;
pub mod invite;
pub mod message;
pub mod migrate;
mod operator;
pub mod registration;
pub mod report;
pub mod serve;
pub mod user;
