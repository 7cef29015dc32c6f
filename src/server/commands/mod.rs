//! The commands of the binary. Their functions take the arguments, of which the first is the command's name. An error is one line.

pub mod backup;
pub mod invite;
mod operator;
pub mod registration;
pub mod serve;
pub mod user;
