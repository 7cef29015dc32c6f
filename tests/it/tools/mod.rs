//! The commands that read or move a whole database.

mod check;
mod copy;
pub(crate) mod everything;
