//! What the server does for nobody without end.

mod connections;
mod rates;
mod slow;
