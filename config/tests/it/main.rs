//! The configuration reader from outside: files in, diagnostics and values out.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::panic)]

mod codes;
mod diagnostics;
mod golden;
mod hostile;
mod schema;
mod secrets;
mod section;
mod server;
mod shapes;
mod site;
