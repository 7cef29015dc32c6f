//! The bounds of what clients may use.

mod connections;
mod memory;
mod pages;
mod rates;
mod slow;
