//! The page in a real Chromium, against a real server.

mod accounts;
mod blocks;
mod chatting;
mod groups;
mod history;
mod jumps;
mod links;
mod looks;
mod menu;
mod outages;
mod pins;
mod reactions;
mod reading;
mod receipts;
mod refused;
mod replies;
mod revising;
mod rows;
mod tabs;
mod visitor;
