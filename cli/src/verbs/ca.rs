//! `hilum ca`: the internal certificate authority.

use std::path::{Path, PathBuf};

use auth::ca::{KeyKind, Request};
use serde_json::{Value, json};

use crate::answer::{list, maybe, safe, text};
use crate::api::Api;
use crate::args::registry::{Alg, Ca, CaVerb, Inspect, Issue, RotateCa, Trust};
use crate::args::{Format, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::private_file::{self, Place};
use crate::say;
use crate::table::time;

/// Runs the verb.
pub async fn run(args: Ca) -> Outcome {
    match args.verb {
        CaVerb::Init(init) => {
            let answer = post(&init.target, "init", &json!({ "reason": init.reason })).await?;
            show(&init.target, &answer, || {
                let words = format!(
                    "made {}, good until {}",
                    text(&answer, "subject"),
                    time(maybe(&answer, "until_us"))
                );
                format!("{words}\nfingerprint {}\n", text(&answer, "spki"))
            })
        }
        CaVerb::Issue(args) => issue(args).await,
        CaVerb::Rotate(args) => rotate(args).await,
        CaVerb::Revoke(args) => {
            let request = json!({ "which": args.which, "reason": args.reason });
            let answer = post(&args.target, "revoke", &request).await?;
            show(&args.target, &answer, || {
                let one = |one: &Value| {
                    format!("revoked {} {}\n", text(one, "name"), text(one, "serial"))
                };
                list(&answer, "revoked").iter().map(one).collect()
            })
        }
        CaVerb::Inspect(args) => inspect(args).await,
        CaVerb::Trust(args) => trust(args).await,
        CaVerb::Distrust(args) => {
            let request = json!({ "name": args.name, "reason": args.reason });
            let answer = post(&args.target, "distrust", &request).await?;
            show(&args.target, &answer, || {
                format!("not trusted any more: {}\n", text(&answer, "name"))
            })
        }
    }
}

async fn post(target: &Target, verb: &str, request: &Value) -> Result<Value, Failure> {
    Api::of(target)?.post(&format!("/api/v1/ca/{verb}"), request).await
}

fn show(target: &Target, answer: &Value, words: impl FnOnce() -> String) -> Outcome {
    match target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&words()),
    }
    Ok(())
}

/// The key is made here and stays here: the engine gets the request alone.
async fn issue(args: Issue) -> Outcome {
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let place = Place { folder: &folder, replace: args.force };
    let names: &[&str] = if args.csr.is_some() {
        &["cert.pem", "ca.pem"]
    } else {
        &["key.pem", "cert.pem", "ca.pem"]
    };
    private_file::prepare(&place, names)?;
    let (request_pem, key) = match &args.csr {
        Some(path) => (read(path)?, None),
        None => {
            let kind = match args.alg {
                Alg::P256 => KeyKind::P256,
                Alg::Ed25519 => KeyKind::Ed25519,
            };
            let made = Request::make(kind).map_err(|error| Failure::new(Code::Undecided, error))?;
            (made.request_pem, Some(made.key_pem))
        }
    };
    let request = json!({ "name": args.name, "server": args.server, "client": args.client,
        "names": args.names, "request": request_pem, "reason": args.reason });
    let answer = post(&args.target, "issue", &request).await?;
    let (certificate, root) = (&answer["certificate"], &answer["root"]);
    if let Some(key) = &key {
        private_file::write(&place, "key.pem", key.expose_secret().as_bytes())?;
    }
    private_file::write(&place, "cert.pem", text(certificate, "pem").as_bytes())?;
    private_file::write(&place, "ca.pem", text(root, "pem").as_bytes())?;
    show(&args.target, &answer, || {
        format!(
            "issued {} to {}, good until {}\nwrote {} in {}\n",
            text(certificate, "serial"),
            args.name,
            time(maybe(certificate, "until_us")),
            names.join(", "),
            folder.display(),
        )
    })
}

async fn rotate(args: RotateCa) -> Outcome {
    let request = json!({ "execute": args.execute, "reason": args.reason });
    let answer = post(&args.target, "rotate", &request).await?;
    let affected: Vec<&str> = list(&answer, "affected").iter().filter_map(Value::as_str).collect();
    show(&args.target, &answer, || {
        let until = time(maybe(&answer, "until_us"));
        let mut out = match answer.get("new").filter(|new| new.is_object()) {
            Some(new) => format!(
                "made {}; {} is trusted until {until}; its sealed key is kept in data/ca\n",
                text(new, "name"),
                text(&answer, "old")
            ),
            None => format!(
                "would replace {}, which would be trusted until {until}\n",
                text(&answer, "old")
            ),
        };
        for name in &affected {
            out.push_str(&format!("needs a new certificate before: {name}\n"));
        }
        out
    })?;
    if !args.execute {
        say::talk("hint: nothing was done; `--execute -m REASON` does it");
    }
    Ok(())
}

async fn inspect(args: Inspect) -> Outcome {
    let request = match &args.which {
        None => json!({}),
        Some(which) if Path::new(which).is_file() => {
            json!({ "certificate": read(Path::new(which))? })
        }
        Some(name) => json!({ "name": name }),
    };
    let answer = post(&args.target, "inspect", &request).await?;
    show(&args.target, &answer, || list(&answer, "certificates").iter().map(page).collect())
}

fn page(one: &Value) -> String {
    let texts = |name: &str| {
        let texts: Vec<String> =
            list(one, name).iter().filter_map(Value::as_str).map(safe).collect();
        if texts.is_empty() { "none".to_owned() } else { texts.join(" ") }
    };
    let state = match (one["revoked"] == json!(true), maybe(one, "revoked_us")) {
        (true, at) => format!("revoked {}", time(at)),
        (false, _) => "not revoked".to_owned(),
    };
    let known = match (text(one, "authority"), text(one, "peer")) {
        ("", "") => "by nobody known here".to_owned(),
        (authority, "") => format!("by {authority}"),
        ("", peer) => format!("key of the peer {peer}"),
        (authority, peer) => format!("by {authority}, key of the peer {peer}"),
    };
    format!(
        "{}{}\n  serial {}, {known}, {}\n  issuer {}\n  names {}\n  for {}, key {}\n  valid {} to {}\n  spki sha256 {}\n",
        safe(text(one, "subject")),
        if one["is_authority"] == json!(true) { " (authority)" } else { "" },
        text(one, "serial"),
        state.trim_end(),
        safe(text(one, "issuer")),
        texts("names"),
        texts("uses"),
        text(one, "key"),
        time(maybe(one, "from_us")),
        time(maybe(one, "until_us")),
        text(one, "spki"),
    )
}

async fn trust(args: Trust) -> Outcome {
    // The engine has another working folder.
    let crl = args.crl.as_ref().map(|path| {
        std::path::absolute(path)
            .map_err(|error| Failure::new(Code::Usage, format!("`{}`: {error}", path.display())))
    });
    let request = json!({ "name": args.name, "certificate": read(&args.file)?,
        "list": crl.transpose()?, "reason": args.reason });
    let answer = post(&args.target, "trust", &request).await?;
    show(&args.target, &answer, || {
        format!("trusted: {} ({})\n", args.name, safe(text(&answer, "subject")))
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Code::Usage, format!("`{}` cannot be read: {error}", path.display()))
    })
}
