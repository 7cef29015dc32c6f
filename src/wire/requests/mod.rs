//! The inputs of the operations. Unknown fields are ignored.
//!
//! An input is in the file of its operation's noun, which stands before the dot: that of `message.send` in [`messages`].

pub mod accounts;
pub mod blocks;
pub mod conversations;
pub mod invites;
pub mod me;
pub mod members;
pub mod messages;
pub mod notifications;
pub mod pins;
pub mod reactions;
pub mod reports;
pub mod saved;
pub mod sessions;
pub mod settings;
pub mod users;

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::Seq;
use crate::limits;

/// The input of an operation that takes none.
#[derive(Deserialize)]
pub struct Nothing {}

/// The number of items of a page: 1 to [`limits::PAGE_MAX`], by default [`limits::PAGE_DEFAULT`]. A number, or its text in a query.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit(pub usize);

impl Default for PageLimit {
    fn default() -> Self {
        Self(limits::PAGE_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || D::Error::custom(format_args!("takes a whole number from 1 to {}", limits::PAGE_MAX));
        let number = whole_number(deserializer).ok().flatten().and_then(|number| usize::try_from(number).ok());
        number.filter(|number| (1..=limits::PAGE_MAX).contains(number)).map(Self).ok_or_else(refused)
    }
}

/// The number of an event, from 0. A number, or its text in a query.
#[derive(Clone, Copy, Debug)]
pub struct SeqInput(pub Seq);

impl<'de> Deserialize<'de> for SeqInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer).ok().flatten().and_then(|number| Seq::try_from(number).ok());
        number.map(Self).ok_or_else(|| D::Error::custom("takes a whole number from 0"))
    }
}

/// A field of which `null` is a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nullable<T> {
    /// The field is missing.
    #[default]
    Missing,
    /// The field is given.
    Given(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

/// Reads a number or its text. Returns `None` if it is neither.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct WholeNumber;
    impl Visitor<'_> for WholeNumber {
        type Value = Option<u64>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a whole number")
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(u64::try_from(number).ok())
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.parse().ok())
        }
    }
    deserializer.deserialize_any(WholeNumber)
}
