//! `hilum init`: a site to begin with.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::args::bench::Init;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// The files of a new site: one channel with its code table and a test.
const FILES: [(&str, &str); 7] = [
    ("server.toml", include_str!("../init/server.toml")),
    ("vars/development.toml", include_str!("../init/vars.toml")),
    ("channels/admissions.toml", include_str!("../init/channels/admissions.toml")),
    (
        "channels/admissions/tests/admit/in.hl7",
        include_str!("../init/channels/admissions/tests/admit/in.hl7"),
    ),
    (
        "channels/admissions/tests/admit/lab.hl7",
        include_str!("../init/channels/admissions/tests/admit/lab.hl7"),
    ),
    ("tables/patient_class.csv", include_str!("../init/tables/patient_class.csv")),
    // The store, its key and its socket are nobody's history.
    (".gitignore", "/data/\n"),
];

/// Runs the verb.
pub fn run(args: &Init) -> Outcome {
    let site = &args.site;
    let there = fs::read_dir(site).is_ok_and(|mut entries| entries.next().is_some());
    if there {
        let sentence = format!("`{}` is there already and not empty", site.display());
        return Err(Failure::new(Code::Refused, sentence));
    }
    for (name, text) in FILES {
        put(&site.join(name), text).map_err(|error| {
            let sentence = format!("`{}` cannot be written: {error}", site.join(name).display());
            Failure::new(Code::Refused, sentence)
        })?;
        say::data(&format!("{name}\n"));
    }
    let shown = site.display();
    say::talk(&format!("hint: `hilum test {shown}` runs its test, `hilum serve {shown}` runs it"));
    Ok(())
}

/// Addresses and rules are not for everybody on the machine.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(text.as_bytes())
}
