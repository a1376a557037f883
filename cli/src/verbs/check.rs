//! `hilum check`: every problem of a site in one run.

use std::io::IsTerminal;

use crate::args::{Check, Format};
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// Runs the verb.
pub fn run(args: &Check) -> Outcome {
    let (site, diagnostics) = engine::site::check(&args.site, args.data.as_deref());
    match args.format {
        Format::Json => say::data(&format!("{:#}\n", diagnostics.to_json())),
        Format::Text if diagnostics.is_empty() => {
            let channels = site.as_ref().map_or(0, |site| site.channels.len());
            say::data(&format!("ok: {channels} channels, no problems\n"));
        }
        Format::Text => say::data(&diagnostics.render(colour())),
    }
    if diagnostics.has_errors() { Err(Failure::silent(Code::Problems)) } else { Ok(()) }
}

/// Whether to colour what goes to standard output.
pub fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none() && std::io::stdout().is_terminal()
}
