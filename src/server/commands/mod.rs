//! The commands of the binary, a file for each: `run` takes the arguments, of which the first is the command's name. An error is one line.

pub mod serve;
