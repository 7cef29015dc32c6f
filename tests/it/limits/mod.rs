//! The bounds of what clients may use.

mod connections;
mod conversations;
mod deletion;
mod half_received;
mod honest;
mod memory;
mod pages;
mod passwords;
mod quotas;
mod rates;
mod readers;
mod slow;
mod subscriptions;
