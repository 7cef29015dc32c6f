//! The bounds of what clients may use.

mod connections;
mod deletion;
mod memory;
mod pages;
mod passwords;
mod rates;
mod readers;
mod slow;
