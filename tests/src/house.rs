//! A site that people work in: a channel with a receiver that refuses some messages, an owner, and somebody who may do everything with messages.

use crate::admin::{Admin, PASSWORD, claim, code};
use crate::engine::Engine;
use crate::receiver::{Behaviour, Receiver};
use crate::site::{Site, Store};
use crate::wire::Connection;
use serde_json::json;
use std::fs;
use std::net::SocketAddr;

/// The site, and those who work in it.
pub struct House {
    /// The site.
    pub site: Site,
    /// Its engine.
    pub engine: Engine,
    /// Nobody yet.
    pub nobody: Admin,
    /// The first owner, signed in.
    pub owner: Admin,
    /// Where messages come in.
    pub source: SocketAddr,
    /// The secret of the worker's second factor.
    pub secret: String,
    /// The one receiver there is.
    pub receiver: Receiver,
}

/// Who works in these tests.
pub const WORKER: &str = "wanda";
/// What they may do: everything with messages and channels.
pub const ROLES: [&str; 6] =
    ["message-steward", "operator", "release-manager", "connection-admin", "auditor", "viewer"];

/// Refuses whatever has `REFUSE` in its control id.
fn refusing() -> Receiver {
    Receiver::with(|arrival, _| match arrival.control_id.contains("REFUSE") {
        true => Behaviour::Say("AE"),
        false => Behaviour::Say("AA"),
    })
}

impl House {
    /// Builds it. What the receiver refuses is a dead letter at once.
    pub fn build(store: Store) -> House {
        let site = Site::new(store);
        let receiver = refusing();
        let steps = "[transform]\nsteps = [{ set = 'MSH-5', to = \"WARD\" }]\n";
        let rest = format!(
            "{steps}[[destination]]\nname = \"registry\"\ntype = \"mllp\"\naddress = \"{}\"\ntimeout = \"2s\"\n\
             retry = {{ first = \"20ms\", max = \"200ms\" }}\n",
            receiver.address()
        );
        let source = site.feed("adt", "", &rest);
        let engine = site.serve();
        let nobody = Admin::at(site.api());
        let token = fs::read_to_string(site.data().join("setup-token")).unwrap();
        let (owner, _) = claim(&nobody, token.trim());
        let mut house =
            House { site, engine, nobody, owner, source, secret: String::new(), receiver };
        house.secret = house.add(WORKER, &ROLES);
        house
    }

    /// Adds somebody with roles, and their second factor; gives its secret.
    pub fn add(&self, name: &str, roles: &[&str]) -> String {
        let mut arguments = vec!["user", "add", name];
        roles.iter().for_each(|role| arguments.extend(["--role", role]));
        let made = self.site.verb_reading(&arguments, &format!("{PASSWORD}\n"));
        assert_eq!(made.code, Some(0), "{made:?}");
        let begun = self.nobody.signed_in(name, PASSWORD, None);
        let begun_factor = begun.post("/api/v1/me/second-factor/begin", json!({}));
        let secret = begun_factor["secret"].as_str().unwrap().to_owned();
        begun.post("/api/v1/me/second-factor/confirm", json!({ "code": code(&secret, 0) }));
        secret
    }

    /// Sends messages and waits until each has its end.
    pub fn take(&self, messages: &[Vec<u8>], in_all: u64) {
        let mut sender = Connection::to(self.source);
        for one in messages {
            sender.accepted(one);
        }
        self.site.wait_final("adt", in_all);
    }
}
