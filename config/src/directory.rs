//! `[directory]`: an Active Directory or another LDAP server, by which people may sign in.

use std::path::PathBuf;

use crate::address::Address;
use crate::diagnostics::Diagnostics;
use crate::field::{Choice, Field, Kind};
use crate::name::Name;
use crate::section::{SecretRef, Section, Value};
use crate::source::Span;

/// Servers that are asked one after the other, at most.
const SERVERS_MAX: usize = 3;

/// What kind of directory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryKind {
    /// Microsoft's, or one that behaves as it does.
    ActiveDirectory,
    /// Any other that speaks LDAP.
    Ldap,
}

/// A directory by which people may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// What kind it is.
    pub kind: DirectoryKind,
    /// Its servers, in the order in which they are asked; always over TLS.
    pub servers: Vec<Address>,
    /// The authorities that the servers' certificates must come from.
    pub ca: PathBuf,
    /// The revocation lists of those authorities.
    pub crl: Option<PathBuf>,
    /// Where `ca` is written, for what is said of the files.
    pub ca_span: Span,
    /// People and groups are below this entry.
    pub base: String,
    /// Whom the engine binds as to look people up.
    pub bind: String,
    /// The password of that.
    pub password: SecretRef,
    /// The attribute that stays the same when somebody is renamed.
    pub id: String,
    /// What groups give.
    pub grants: Vec<DirectoryGrant>,
}

/// What the members of a group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// The group.
    pub group: String,
    /// The name of a role.
    pub role: Name,
    /// The channels for which they have it; every channel when there is no list.
    pub channels: Option<Vec<Name>>,
}

pub(crate) const DIRECTORY_FIELDS: &[Field] = &[
    Field::default("kind", "What kind of directory it is.", Kind::Choice(KINDS), "active-directory"),
    Field::required(
        "servers",
        "The servers, at most three, in the order in which they are asked. They are spoken to over TLS (LDAPS) and never without.",
        Kind::List(&Kind::Address),
    )
    .examples(&["[\"dc1.hospital.example:636\", \"dc2.hospital.example:636\"]"]),
    Field::required(
        "ca",
        "The authorities that the servers' certificates must come from, in PEM form. Nobody else is trusted.",
        Kind::File,
    )
    .examples(&["\"certs/hospital-ca.pem\""]),
    Field::optional("crl", "The revocation lists of those authorities, in PEM form.", Kind::File),
    Field::required("base", "People and groups are below this entry.", Kind::Text)
        .examples(&["\"dc=hospital,dc=example\""]),
    Field::required("bind", "Whom the engine binds as to look people up: an account that may read and nothing else.", Kind::Text)
        .examples(&["\"cn=svc-hilum,ou=services,dc=hospital,dc=example\""]),
    Field::required("password", "The password of that.", Kind::Secret)
        .examples(&["{ secret = \"directory\" }"]),
    Field::optional(
        "id",
        "The attribute by which somebody is known again, whatever they are called. `objectGUID` in an Active Directory, `entryUUID` elsewhere, when it is left out.",
        Kind::Text,
    ),
    Field::required(
        "grant",
        "What the members of a group may do, `[[directory.grant]]`. Whoever is in none of these groups does not get in.",
        Kind::List(&Kind::Section(GRANT_FIELDS)),
    ),
];

const KINDS: &[Choice] = &[
    Choice { name: "active-directory", doc: "Groups are known by their SID, nested ones too." },
    Choice { name: "ldap", doc: "Groups are known by their DN, as entries with `member`." },
];

const GRANT_FIELDS: &[Field] = &[
    Field::required(
        "group",
        "The group: its SID in an Active Directory, since a name may be given to another group; its DN elsewhere.",
        Kind::Text,
    )
    .examples(&["\"S-1-5-21-1004336348-1177238915-682003330-1213\"", "\"cn=operators,ou=groups,dc=hospital,dc=example\""]),
    Field::required("role", "The role that its members have.", Kind::Name).examples(&["\"operator\""]),
    Field::optional("channels", "The channels for which they have it; every channel when it is left out.", Kind::List(&Kind::Name))
        .examples(&["[\"adt\"]"]),
];

impl Directory {
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Directory> {
        let kind = match section.choice("kind")? {
            "ldap" => DirectoryKind::Ldap,
            _ => DirectoryKind::ActiveDirectory,
        };
        let servers: Vec<Address> =
            section.list("servers").iter().filter_map(Value::address).cloned().collect();
        if !(1..=SERVERS_MAX).contains(&servers.len()) {
            let sentence = format!("`servers` names {} servers", servers.len());
            let asked = format!("one to {SERVERS_MAX} are asked, in their order");
            diags.error("C0108", section.span_of("servers"), sentence).label(asked);
            return None;
        }
        let grants = section.list("grant").iter().filter_map(Value::section);
        let grants: Option<Vec<_>> = grants.map(|one| grant(one, kind, diags)).collect();
        let id = section.text("id").map_or_else(
            || match kind {
                DirectoryKind::ActiveDirectory => "objectGUID".to_owned(),
                DirectoryKind::Ldap => "entryUUID".to_owned(),
            },
            |id| id.value.clone(),
        );
        Some(Directory {
            kind,
            servers,
            ca: section.path("ca")?.to_owned(),
            crl: section.path("crl").map(Into::into),
            ca_span: section.span_of("ca"),
            base: section.text("base")?.value.clone(),
            bind: section.text("bind")?.value.clone(),
            password: section.secret("password")?.clone(),
            id,
            grants: grants?,
        })
    }
}

fn grant(
    section: &Section<'_>,
    kind: DirectoryKind,
    diags: &mut Diagnostics,
) -> Option<DirectoryGrant> {
    let group = section.text("group")?;
    let is_sid = group.value.starts_with("S-1-");
    if is_sid != (kind == DirectoryKind::ActiveDirectory) {
        let (sentence, help) = match kind {
            DirectoryKind::ActiveDirectory => (
                "a group of an Active Directory is named by its SID",
                "`Get-ADGroup NAME` shows it; a name may be given to another group",
            ),
            DirectoryKind::Ldap => (
                "a group of this directory is named by its DN",
                "`kind = \"active-directory\"` takes SIDs",
            ),
        };
        diags.error("C0108", group.span, sentence).help(help);
        return None;
    }
    let channels = section.is_given("channels").then(|| {
        let names = section.list("channels").iter().filter_map(Value::text);
        names.filter_map(|text| Name::new(&text.value).ok()).collect()
    });
    Some(DirectoryGrant {
        group: group.value.clone(),
        role: Name::new(&section.text("role")?.value).ok()?,
        channels,
    })
}
