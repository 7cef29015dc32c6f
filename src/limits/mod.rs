//! Every bound, with its unit and its reason. Everything without a bound of its own is bounded by one of these.
//!
//! Each file has the bounds of one subject. Users write `limits::NAME`, whichever file declares it.

mod accounts;
mod conversations;
mod memory;
mod nodes;
mod pages;
mod rates;
mod search;
mod storage;
mod transports;

pub use accounts::*;
pub use conversations::*;
pub use memory::*;
pub use nodes::*;
pub use pages::*;
pub use rates::*;
pub use search::*;
pub use storage::*;
pub use transports::*;
