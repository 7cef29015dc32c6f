//! The bounds of what clients may use.

mod connections;
mod pages;
mod rates;
mod slow;
