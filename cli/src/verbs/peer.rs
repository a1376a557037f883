//! `hilum peer`: the systems that may connect over mutual TLS.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::registry::{Key, Peer, PeerVerb, Rights, SetPeer};
use crate::args::{Format, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Peer) -> Outcome {
    match args.verb {
        PeerVerb::Add(add) => {
            let rights = rights(&add.rights);
            if add.rights.channels.is_empty() && !add.rights.every_channel {
                return Err(Failure::new(
                    Code::Usage,
                    "name the channels that it may send to with `--channel`, or say `--every-channel`",
                ));
            }
            let request = json!({ "name": add.name, "rights": rights, "key": key(&add.key)?,
                "pending": add.pending, "reason": add.reason });
            act(&add.target, "add", &request).await
        }
        PeerVerb::Set(set) => {
            let request =
                json!({ "name": set.name, "rights": changed(&set), "reason": set.reason });
            act(&set.target, "set", &request).await
        }
        PeerVerb::Activate(one) => {
            act(&one.target, "activate", &json!({ "name": one.name, "reason": one.reason })).await
        }
        PeerVerb::Rotate(rotate) => {
            let request = json!({ "name": rotate.name, "key": key(&rotate.key)?,
                "overlap_days": rotate.overlap_days, "reason": rotate.reason });
            act(&rotate.target, "rotate", &request).await
        }
        PeerVerb::Revoke(one) => {
            act(&one.target, "revoke", &json!({ "name": one.name, "reason": one.reason })).await
        }
        PeerVerb::Show(show) => {
            let found = search(&show.target, &json!({ "name": show.name })).await?;
            print(&show.target, found.first().unwrap_or(&Value::Null))
        }
        PeerVerb::List(query) => {
            let found = search(&query.target, &json!({})).await?;
            match query.target.format {
                Format::Json => say::data(&format!("{:#}\n", json!({ "peers": found }))),
                Format::Text if found.is_empty() => {
                    say::talk("no peers; `hilum peer add` adds one");
                }
                Format::Text => say::data(&table(&found)),
            }
            Ok(())
        }
    }
}

async fn search(target: &Target, request: &Value) -> Result<Vec<Value>, Failure> {
    let answer = Api::of(target)?.post("/api/v1/peers/search", request).await?;
    Ok(list(&answer, "peers").to_vec())
}

async fn act(target: &Target, verb: &str, request: &Value) -> Outcome {
    let peer = Api::of(target)?.post(&format!("/api/v1/peers/{verb}"), request).await?;
    print(target, &peer)
}

fn rights(rights: &Rights) -> Value {
    let given = |texts: &Vec<String>| (!texts.is_empty()).then(|| texts.clone());
    json!({
        "channels": given(&rights.channels),
        "every_channel": rights.every_channel,
        "applications": given(&rights.applications),
        "facilities": given(&rights.facilities),
        "sources": given(&rights.sources),
    })
}

/// What is said to be free is an empty list.
fn changed(set: &SetPeer) -> Value {
    let mut changed = rights(&set.rights);
    let freed = [
        (set.any_application, "applications"),
        (set.any_facility, "facilities"),
        (set.from_anywhere, "sources"),
    ];
    for (_, name) in freed.into_iter().filter(|(is, _)| *is) {
        changed[name] = json!([]);
    }
    changed
}

fn key(key: &Key) -> Result<Value, Failure> {
    let certificate = key.cert.as_ref().map(|path| {
        std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Code::Usage, format!("`{}` cannot be read: {error}", path.display()))
        })
    });
    Ok(json!({ "certificate": certificate.transpose()?, "spki": key.spki, "issued": key.issued }))
}

fn print(target: &Target, peer: &Value) -> Outcome {
    match target.format {
        Format::Json => say::data(&format!("{peer:#}\n")),
        Format::Text => say::data(&page(peer)),
    }
    Ok(())
}

fn table(peers: &[Value]) -> String {
    let heading =
        ["PEER", "STATE", "#CONNECTIONS", "CHANNELS", "SENDS AS", "FROM", "EXPIRES", "KEY"];
    let mut table = Table::new(&heading);
    for peer in peers {
        let key = list(peer, "keys").iter().rfind(|key| key["in_force"] == json!(true));
        let expires = key.and_then(|key| maybe(key, "expires_us"));
        table.row(vec![
            text(peer, "name").to_owned(),
            text(peer, "state").to_owned(),
            list(peer, "connections").len().to_string(),
            channels(peer),
            speaks_as(peer),
            words(peer, "sources", "anywhere"),
            time(expires),
            key.map_or_else(String::new, |key| {
                text(key, "spki").get(..16).unwrap_or("").to_owned()
            }),
        ]);
    }
    table.render()
}

fn page(peer: &Value) -> String {
    let mut out = format!(
        "peer {} {}\nchannels: {}\nsends as: {}\nfrom: {}\nadded {} by {}, changed {} by {}\n",
        text(peer, "name"),
        text(peer, "state"),
        channels(peer),
        speaks_as(peer),
        words(peer, "sources", "anywhere"),
        time(maybe(peer, "created_us")),
        text(peer, "created_by"),
        time(maybe(peer, "changed_us")),
        text(peer, "changed_by"),
    );
    for key in list(peer, "keys") {
        let state = match (key["in_force"] == json!(true), maybe(key, "until_us")) {
            (true, None) => "in force".to_owned(),
            (true, Some(until)) => format!("in force until {}", time(Some(until))),
            (false, until) => format!("ended {}", time(until)),
        };
        out.push_str(&format!("key {} {state}", text(key, "spki")));
        if let Some(expires) = maybe(key, "expires_us") {
            out.push_str(&format!(
                ", certificate {} expires {}",
                safe(text(key, "subject")),
                time(Some(expires))
            ));
        }
        out.push('\n');
    }
    for one in list(peer, "connections") {
        out.push_str(&format!(
            "connected to {} from {} since {}\n",
            text(one, "channel"),
            text(one, "address"),
            time(Some(number(one, "since_us")))
        ));
    }
    out
}

fn channels(peer: &Value) -> String {
    match peer.get("channels") {
        Some(Value::Array(_)) => words(peer, "channels", "none"),
        _ => "every channel".to_owned(),
    }
}

fn speaks_as(peer: &Value) -> String {
    format!("{}/{}", words(peer, "applications", "any"), words(peer, "facilities", "any"))
}

fn words(peer: &Value, name: &str, none: &str) -> String {
    let texts: Vec<String> = list(peer, name).iter().filter_map(Value::as_str).map(safe).collect();
    if texts.is_empty() { none.to_owned() } else { texts.join(" ") }
}
