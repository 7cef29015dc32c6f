//! The commands that read or move a whole database.

mod check;
mod everything;
