//! `hilum schema`: what may be written, for editors.

use crate::args::{Schema, SchemaOf};
use crate::exit::Outcome;
use crate::say;

/// Runs the verb.
pub fn run(args: &Schema) -> Outcome {
    let schema = match args.of {
        SchemaOf::Channel => engine::site::channel_schema(),
        SchemaOf::Server => engine::site::server_schema(),
    };
    say::data(&format!("{schema:#}\n"));
    Ok(())
}
