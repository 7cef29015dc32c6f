//! The page in a real Chromium, against a real server.

mod accounts;
mod axe;
mod blocks;
mod chatting;
mod display;
mod focus;
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
mod search;
mod settings;
mod tabs;
mod visitor;
