//! The page in a real Chromium, against a real server.

mod accounts;
mod axe;
mod blocks;
mod chatting;
mod display;
mod focus;
mod groups;
mod history;
mod looks;
mod outages;
mod refused;
mod revising;
mod search;
mod settings;
mod tabs;
mod visitor;
