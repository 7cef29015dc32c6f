//! What the server does for nobody without end.

mod crowds;
mod rates;
mod slow;
