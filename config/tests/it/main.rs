//! The configuration reader from outside: files in, diagnostics and values out.

mod codes;
mod diagnostics;
mod golden;
mod schema;
mod secrets;
mod section;
mod server;
mod shapes;
mod site;
