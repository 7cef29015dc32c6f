//! What the server does for nobody without end.

mod rates;
