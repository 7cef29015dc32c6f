//! The proof by faults: what is promised is kept while the server is killed, stopped and cut off. `make faults` does many rounds.

mod checker;
mod kill;
mod proxy;
mod sockets;
