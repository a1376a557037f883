//! The two ends of a connection as the command line names them: read by the same declarations as a channel file.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Diagnostics, Name, Scope, Section, parse_toml};
use connectors::mllp::{DESTINATION_FIELDS, ListenerSettings, SOURCE_FIELDS, SenderSettings};
use net::{ENTRANCE_FIELDS, TARGET_FIELDS, Target};

use crate::args::{ListenTls, OwnCertificate, SendTls};
use crate::exit::{Code, Failure};

/// Where to send to.
pub fn target(address: &str, args: &SendTls) -> Result<Target, Failure> {
    let mut text = format!("address = {}\n", quoted(address));
    if args.tls {
        text.push_str("[tls]\n");
        file(&mut text, "ca", args.ca.as_deref());
        if let Some(name) = &args.server_name {
            let _ = writeln!(text, "server_name = {}", quoted(name));
        }
        own(&mut text, &args.own);
    }
    read(text, |text, scope, diags| {
        let table = parse_toml(diags, "arguments", text)?;
        let section = Section::read(&table, &[DESTINATION_FIELDS, TARGET_FIELDS], scope, diags);
        SenderSettings::read(&section, diags).map(|settings| settings.target)
    })
}

/// Where an engine is asked whose certificate comes from these authorities.
pub fn api(authority: &str, ca: PathBuf) -> Result<Target, Failure> {
    let own = OwnCertificate { cert: None, key: None, profile: None };
    target(authority, &SendTls { tls: true, ca: Some(ca), server_name: None, own })
}

/// Where to listen.
pub fn listener(listen: SocketAddr, args: &ListenTls) -> Result<ListenerSettings, Failure> {
    let mut text = format!("listen = \"{listen}\"\n");
    if args.tls {
        text.push_str("[tls]\n");
        own(&mut text, &args.own);
        if let Some(ca) = &args.ca {
            text.push_str("client = \"ca\"\n");
            file(&mut text, "ca", Some(ca));
        }
    }
    read(text, |text, scope, diags| {
        let table = parse_toml(diags, "arguments", text)?;
        let section = Section::read(&table, &[ENTRANCE_FIELDS, SOURCE_FIELDS], scope, diags);
        ListenerSettings::read(&section, diags)
    })
}

/// A listener of no channel has a name all the same.
pub fn no_channel() -> Result<Name, Failure> {
    Name::new("listen").map_err(|error| Failure::new(Code::Usage, error))
}

fn own(text: &mut String, args: &OwnCertificate) {
    file(text, "cert", args.cert.as_deref());
    file(text, "key", args.key.as_deref());
    if let Some(profile) = &args.profile {
        let _ = writeln!(text, "profile = {}", quoted(profile));
    }
}

fn file(text: &mut String, key: &str, path: Option<&Path>) {
    if let Some(path) = path {
        // Resolved here: in a channel file `..` is refused. One that is not there is reported by its reader.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let _ = writeln!(text, "{key} = {}", quoted(&path.to_string_lossy()));
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The first problem, as a refusal of the arguments.
fn read<T>(
    text: String,
    read: impl FnOnce(String, &Scope<'_>, &mut Diagnostics) -> Option<T>,
) -> Result<T, Failure> {
    let mut diags = Diagnostics::new();
    let found = read(text, &Scope::none(), &mut diags);
    let problem =
        diags.sorted().into_iter().find(|found| found.severity() == config::Severity::Error);
    match (problem, found) {
        (None, Some(found)) => Ok(found),
        (Some(problem), _) => {
            Err(Failure::new(Code::Usage, format!("{} [{}]", problem.title(), problem.code())))
        }
        (None, None) => Err(Failure::new(Code::Usage, "the address cannot be used")),
    }
}
