//! `hilum explain CODE`: what an error code means and what to do.

use crate::args::Explain;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// Runs the verb.
pub fn run(args: &Explain) -> Outcome {
    match config::codes::explain(&args.code.to_uppercase()) {
        Ok(code) => {
            say::data(&format!("{}\n", code.page.trim_end()));
            Ok(())
        }
        Err(unknown) => {
            let failure = Failure::new(Code::Usage, format!("there is no code `{}`", unknown.code));
            Err(match unknown.nearest {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            })
        }
    }
}
