//! The commands that read or move a whole database.

mod check;
mod copy;
mod everything;
