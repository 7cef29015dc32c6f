//! Conformance to standards, tested with their own test suites.

mod autobahn;
mod corpus;
mod http;
