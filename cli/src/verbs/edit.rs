//! `hilum edit`: a new message out of one that came, with other bytes.

use std::io::Read;
use std::path::Path;

use data_encoding::BASE64;
use serde_json::json;

use crate::answer::text;
use crate::api::Api;
use crate::args::Format;
use crate::args::acts::Edit;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// Runs the verb.
pub async fn run(args: Edit) -> Outcome {
    let bytes = read(&args.file).map_err(|error| {
        let file = args.file.display();
        Failure::new(Code::Undecided, format!("`{file}` cannot be read: {error}"))
    })?;
    let request = json!({
        "id": args.id, "base64": BASE64.encode(&bytes), "destinations": args.to, "as_is": args.as_is,
        "token": args.token, "reason": args.reason,
    });
    let answer = Api::of(&args.target)?.post("/api/v1/messages/edit", &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&format!("made {}\n", text(&answer, "id"))),
    }
    Ok(())
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file)
}
