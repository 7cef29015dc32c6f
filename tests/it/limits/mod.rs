//! The bounds of what clients may use.

mod connections;
mod rates;
mod slow;
