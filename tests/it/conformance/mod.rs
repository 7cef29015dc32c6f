//! What the standards ask, asked by those who know them.

mod autobahn;
mod corpus;
mod http;
