//! People of a directory, against a real OpenLDAP with its own authority, and against servers that mean no good (security.md, cases E).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth::{AccountChange, AccountError, AccountRules, Accounts, Cost, Login, NewPerson, Session};
use config::{Diagnostics, Paths, SecondFactorPolicy, Server, SiteFiles};
use phi::Secret;
use store::{AuditFilter, Granted, Scope, Source};

use crate::home::{Clock, Hands, Home, On, name, on_both};
use hilum_tests::slapd::{Authority, OPERATORS, SERVICE, Shown, Slapd, VIEWERS, free, sid};

on_both!(
    somebody_of_the_directory_signs_in_and_has_what_their_groups_give,
    no_password_is_no_password,
    a_name_is_never_a_part_of_the_question,
    a_server_must_prove_who_it_is,
    a_directory_that_does_not_answer_holds_nobody_up,
    nonsense_behind_a_right_certificate_is_no_answer,
    what_changes_there_changes_here,
    a_name_of_two_people_lets_nobody_in,
    groups_in_groups_count,
    a_directory_that_is_gone_signs_nobody_out_at_once,
    when_nearly_everybody_is_gone_nobody_is,
    the_two_kinds_of_account_do_not_mix,
    guesses_count_whatever_somebody_is_called,
    settings_that_cannot_be_meant_are_refused,
);

const PASSWORD: &str = "correct horse battery staple";

/// An engine's accounts with a directory behind them.
struct Place {
    home: Home,
    accounts: Arc<Accounts>,
    hands: &'static Hands,
}

/// The settings as somebody writes them.
fn settings(servers: &[SocketAddr], more: &str, grants: &[(&str, &str)]) -> String {
    let servers: Vec<String> =
        servers.iter().map(|server| format!("\"localhost:{}\"", server.port())).collect();
    let mut text = format!(
        "[directory]\nservers = [{}]\nca = \"ca.pem\"\nbase = \"dc=test,dc=local\"\nbind = \"{SERVICE}\"\npassword = {{ secret = \"directory\" }}\n{more}",
        servers.join(", ")
    );
    for (group, role) in grants {
        text.push_str(&format!("[[directory.grant]]\ngroup = \"{group}\"\nrole = \"{role}\"\n"));
    }
    text
}

fn read(home: &Home, ca: &str, text: &str) -> Option<config::Directory> {
    let site = home.folder.path().join("site");
    fs::create_dir_all(site.join("channels")).unwrap();
    fs::write(site.join("ca.pem"), ca).unwrap();
    fs::write(site.join("server.toml"), text).unwrap();
    let secrets = home.data().join("secrets");
    fs::create_dir_all(&secrets).unwrap();
    fs::write(secrets.join("directory"), "svcsecret").unwrap();
    fs::set_permissions(secrets.join("directory"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut diagnostics = Diagnostics::new();
    let files = SiteFiles::read(&site, &mut diagnostics);
    let server = Server::read(&files, &Paths::new(&site, Some(home.data())), &mut diagnostics);
    server?.directory
}

impl Place {
    async fn new((on, (hands, now_us)): (On, Clock), ca: &str, text: &str) -> Place {
        let home = Home::on(on, now_us).await;
        let directory = read(&home, ca, text);
        assert!(directory.is_some(), "{text}");
        let rules = AccountRules {
            node: "node".to_owned(),
            second_factor: SecondFactorPolicy::Optional,
            directory,
            approvals: false,
        };
        let opened =
            Accounts::open(home.store.clone(), home.data(), rules, (now_us, Cost::LEAST)).await;
        Place { home, accounts: Arc::new(opened.unwrap()), hands }
    }

    /// With a directory as most have it.
    async fn usual(setting: (On, Clock), slapd: &Slapd, authority: &Authority) -> Place {
        let grants = [(OPERATORS, "operator"), (VIEWERS, "viewer")];
        Place::new(setting, &authority.pem(), &settings(&[slapd.address], "", &grants)).await
    }

    async fn login(&self, user: &str, password: &str) -> Result<Session, AccountError> {
        let login = Login { name: user.to_owned(), password: secret(password), code: None };
        let token = self.accounts.sign_in(login, source()).await?.token;
        Ok(self.accounts.recognise(&token, source()).await?.unwrap())
    }

    async fn refused(&self, user: &str, password: &str) {
        let refused = self.login(user, password).await;
        assert!(matches!(refused, Err(AccountError::Credentials)), "{user}");
    }

    /// Why the last sign-in was refused, as the audit log says.
    async fn why(&self) -> String {
        let filter =
            AuditFilter { action: Some("auth.login".to_owned()), ..AuditFilter::default() };
        let last = self.home.store.audit_records(&filter, None, 1).await.unwrap().remove(0);
        let record: serde_json::Value = serde_json::from_str(&last.text).unwrap();
        record["code"].as_str().unwrap_or_default().to_owned()
    }

    async fn records(&self, action: &str) -> usize {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        self.home.store.audit_records(&filter, None, 100).await.unwrap().len()
    }

    async fn holds(&self, session: &Session) -> bool {
        self.accounts.still_holds(session).await
    }

    fn roles(&self, session: &Session) -> bool {
        session.permit::<auth::grants::MessageReplay>().is_some()
    }

    /// Time goes by, and a session is used.
    async fn later(&self, token: [u8; 32]) {
        self.hands.forward(25 * 60_000_000);
        self.home.store.session_seen(token, (self.home.now_us)()).await.unwrap();
    }

    async fn add(&self, user: &str) {
        let grants = vec![Granted { role: "viewer".to_owned(), scope: Scope::All }];
        let new = NewPerson { name: name(user), password: secret(PASSWORD), grants };
        let operator = Session::of_same_uid(0);
        self.accounts.add(&self.home.act("test"), &operator, new).await.unwrap();
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn source() -> Source {
    Source { address: Some(SocketAddr::from(([127, 0, 0, 1], 50_000))), via: "api" }
}

fn many_threads() -> (Authority, Slapd) {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &Shown::RIGHT);
    (authority, slapd)
}

async fn somebody_of_the_directory_signs_in_and_has_what_their_groups_give(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    let alice = place.login("alice", "alicesecret").await.unwrap();
    assert_eq!(alice.actor().name.as_deref(), Some("alice"));
    assert_eq!(alice.actor().auth.as_deref(), Some("ldap"));
    assert!(place.roles(&alice), "operators replay");
    // By another name, in other letters: the same person.
    let again = place.login("ALICE@test.local", "alicesecret").await.unwrap();
    assert_eq!(again.actor().id, alice.actor().id);
    assert_eq!(place.accounts.people().await.unwrap().len(), 1);
    for (user, password, why) in [
        ("alice", "wrong", "directory:password:49"),
        ("nobody", "alicesecret", "directory:unknown"),
        ("omar", "omarsecret", "directory:unknown"),
        ("greta", "gretasecret", "directory:groups"),
    ] {
        place.refused(user, password).await;
        assert_eq!(place.why().await, why, "{user}");
    }
    assert_eq!(place.records("user.directory").await, 1, "once, for nothing has changed since");
}

/// E-08 and RFC 4513, 5.1.2: a bind without a password succeeds as nobody.
async fn no_password_is_no_password(on: On, clock: Clock) {
    let asked = Arc::new(AtomicUsize::new(0));
    let address = stub(Arc::clone(&asked), |_| {});
    let authority = Authority::new();
    let place = Place::new(
        (on, clock),
        &authority.pem(),
        &settings(&[address], "", &[(OPERATORS, "operator")]),
    )
    .await;
    for password in ["", "\0", "\0\0\0", "a\0b", &"x".repeat(257)] {
        place.refused("alice", password).await;
        assert_eq!(place.why().await, "directory:password");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was asked");
}

/// E-07: whatever is typed stays a value.
async fn a_name_is_never_a_part_of_the_question(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    for typed in [
        "*",
        "alice*",
        "a*",
        "alice)(|(uid=*",
        "*)(objectClass=*",
        "alice\\",
        "\\2a",
        "alice\0",
        "alice,cn=Users",
        "cn=Alice Analyst,cn=Users,dc=test,dc=local",
        ")",
        "",
        &"a".repeat(300),
    ] {
        place.hands.forward(60_000_000);
        place.refused(typed, "alicesecret").await;
        let why = place.why().await;
        assert!(why == "directory:unknown", "{typed:?}: {why}");
    }
    place.login("alice", "alicesecret").await.unwrap();
}

/// E-01 to E-05: who cannot prove to be the server is told nothing.
async fn a_server_must_prove_who_it_is(on: On, clock: Clock) {
    let (authority, other) = (Authority::new(), Authority::new());
    let grants = [(OPERATORS, "operator")];
    let cases: [(&str, Shown, &Authority, Option<String>); 5] = [
        ("another authority", Shown::RIGHT, &other, None),
        ("another name", Shown { name: "dc1.test.local", expired: false }, &authority, None),
        ("expired", Shown { name: "localhost", expired: true }, &authority, None),
        ("revoked", Shown::RIGHT, &authority, Some(authority.list(true))),
        ("not revoked", Shown::RIGHT, &authority, Some(authority.list(false))),
    ];
    for (what, shown, signer, list) in cases {
        let slapd = Slapd::start(signer, &shown);
        let crl = if list.is_some() { "crl = \"ca.crl\"\n" } else { "" };
        let text = settings(&[slapd.address], crl, &grants);
        let (hands, now_us) = clock;
        let home = Home::on(on, now_us).await;
        fs::create_dir_all(home.folder.path().join("site")).unwrap();
        fs::write(home.folder.path().join("site/ca.crl"), list.unwrap_or_default()).unwrap();
        let directory = read(&home, &authority.pem(), &text);
        let rules = AccountRules {
            node: "node".to_owned(),
            second_factor: SecondFactorPolicy::Optional,
            directory,
            approvals: false,
        };
        let accounts =
            Accounts::open(home.store.clone(), home.data(), rules, (now_us, Cost::LEAST));
        let place = Place { accounts: Arc::new(accounts.await.unwrap()), home, hands };
        let begun = Instant::now();
        let outcome = place.login("alice", "alicesecret").await;
        assert!(begun.elapsed() < Duration::from_secs(12), "{what}");
        if what == "not revoked" {
            assert!(outcome.is_ok(), "{what}: {:?}", outcome.err());
        } else {
            assert!(matches!(outcome, Err(AccountError::Directory)), "{what}");
            assert_eq!(place.why().await, "directory_unavailable", "{what}");
        }
    }
    // Plain LDAP is not spoken: whoever answers without TLS gets a TLS greeting and nothing else.
    let address = stub(Arc::default(), |socket| {
        let mut heard = [0; 512];
        let read = socket.read(&mut heard).unwrap_or(0);
        assert!(read > 0 && heard[0] == 0x16, "a TLS record");
        let _ = socket.write_all(b"0\x0c\x02\x01\x01a\x07\n\x01\0\x04\0\x04\0");
    });
    let place = Place::new((on, clock), &authority.pem(), &settings(&[address], "", &grants)).await;
    assert!(matches!(place.login("alice", "alicesecret").await, Err(AccountError::Directory)));
}

/// E-12, E-14: servers that hang or send nonsense cost at most twelve seconds; whoever has a password here gets in meanwhile.
async fn a_directory_that_does_not_answer_holds_nobody_up(on: On, clock: Clock) {
    let (authority, mut slapd) = many_threads();
    let silent = stub(Arc::default(), |socket| {
        let mut heard = [0; 512];
        while socket.read(&mut heard).is_ok_and(|read| read > 0) {}
    });
    let grants = [(OPERATORS, "operator")];
    let text = settings(&[silent, slapd.address], "", &grants);
    let place = Place::new((on, clock), &authority.pem(), &text).await;
    place.add("local").await;
    let begun = Instant::now();
    place.login("alice", "alicesecret").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "the second one answers");
    let begun = Instant::now();
    place.login("alice", "alicesecret").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "the first one is left alone for a minute");
    slapd.stop();
    let begun = Instant::now();
    assert!(matches!(place.login("alice", "alicesecret").await, Err(AccountError::Directory)));
    assert!(begun.elapsed() < Duration::from_secs(12));
    place.login("local", PASSWORD).await.unwrap();
    place.refused("local", "wrong").await;
}

/// A server with a right certificate that says what it must not.
async fn nonsense_behind_a_right_certificate_is_no_answer(on: On, clock: Clock) {
    let authority = Authority::new();
    for (what, bytes) in [
        ("malformed", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02]),
        ("another tag", vec![0x04; 4096]),
        ("an entry where a bind was asked", b"0\x0c\x02\x01\x01d\x07\x04\x02zz0\x010".to_vec()),
        ("endless", vec![0x30; 64 << 10]),
        ("nested without end", nested(100_000)),
    ] {
        let address = tls_stub(&authority, bytes, what == "endless");
        let place = Place::new(
            (on, clock),
            &authority.pem(),
            &settings(&[address], "", &[(OPERATORS, "operator")]),
        )
        .await;
        let begun = Instant::now();
        let outcome = place.login("alice", "alicesecret").await;
        assert!(matches!(outcome, Err(AccountError::Directory)), "{what}");
        assert!(begun.elapsed() < Duration::from_secs(12), "{what}");
    }
}

/// E-09: who is gone or disabled there, or in other groups, is signed out; a name is not a person.
async fn what_changes_there_changes_here(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    let alice = "dn: cn=Alice Analyst,cn=Users,dc=test,dc=local\nchangetype: modify\n";
    let mut strikes = 0;
    let first = place.login("alice", "alicesecret").await.unwrap();
    place.accounts.look_round(&mut strikes).await.unwrap();
    assert!(place.holds(&first).await, "nothing has changed");

    slapd.modify(&format!("{alice}replace: tokenGroups\ntokenGroups:: {}\n", sid(1200)));
    place.accounts.look_round(&mut strikes).await.unwrap();
    assert!(!place.holds(&first).await, "other groups");
    let viewer = place.login("alice", "alicesecret").await.unwrap();
    assert!(!place.roles(&viewer), "viewers do not replay");

    // Renamed: the same account under another name.
    slapd.modify(&format!("{alice}replace: sAMAccountName\nsAMAccountName: alice.miller\n"));
    let renamed = place.login("alice.miller", "alicesecret").await.unwrap();
    assert_eq!(renamed.actor().id, viewer.actor().id);
    place.refused("alice", "alicesecret").await;

    // Somebody else who gets the old name is somebody else.
    slapd.modify(&format!("dn: cn=Greta Guest,cn=Users,dc=test,dc=local\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: alice.miller\n-\nadd: tokenGroups\ntokenGroups:: {}\n", sid(1100)));
    slapd.modify(&format!("{alice}replace: sAMAccountName\nsAMAccountName: alice.jones\n"));
    let other = place.login("alice.miller", "gretasecret").await.unwrap();
    assert_ne!(other.actor().id, viewer.actor().id);
    let again = place.login("alice.jones", "alicesecret").await.unwrap();
    assert_eq!(again.actor().id, viewer.actor().id);

    slapd.modify(&format!("{alice}replace: userAccountControl\nuserAccountControl: 514\n"));
    assert!(place.holds(&again).await);
    place.accounts.look_round(&mut strikes).await.unwrap();
    assert!(!place.holds(&again).await, "disabled there");
    assert!(place.holds(&other).await, "the others stay");
    place.refused("alice.jones", "alicesecret").await;
    assert!(place.records("directory.revoked").await >= 1);
}

/// E-13: a name that two entries have belongs to nobody.
async fn a_name_of_two_people_lets_nobody_in(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    slapd.modify("dn: cn=Greta Guest,cn=Users,dc=test,dc=local\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: alice\n");
    place.refused("alice", "alicesecret").await;
    assert_eq!(place.why().await, "directory:ambiguous");
}

/// E-10: groups in groups, and groups in a circle.
async fn groups_in_groups_count(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let more = "kind = \"ldap\"\nid = \"objectGUID\"\n";
    let grants = [("CN=five, cn=Users,dc=test,dc=local", "operator")];
    let text = settings(&[slapd.address], more, &grants);
    let place = Place::new((on, clock), &authority.pem(), &text).await;
    let alice = place.login("alice", "alicesecret").await.unwrap();
    assert!(place.roles(&alice));
    place.refused("greta", "gretasecret").await;
    assert_eq!(place.why().await, "directory:groups");
}

/// E-14, E-15: nobody is signed out because the directory is gone for a moment, or says that nearly everybody is.
async fn a_directory_that_is_gone_signs_nobody_out_at_once(on: On, clock: Clock) {
    let (authority, mut slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    let mut strikes = 0;
    let old = place.login("alice", "alicesecret").await.unwrap();
    let token = place.accounts.sessions(None).await.unwrap()[0].token;
    slapd.stop();
    for _ in 0..2 {
        place.later(token).await;
        place.accounts.look_round(&mut strikes).await.unwrap();
    }
    assert_eq!(strikes, 2);
    assert!(place.holds(&old).await, "fifty minutes old");
    place.later(token).await;
    assert!(place.holds(&old).await);
    place.accounts.look_round(&mut strikes).await.unwrap();
    assert!(!place.holds(&old).await, "older than an hour, and nobody to ask");
}

async fn when_nearly_everybody_is_gone_nobody_is(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    let mut sessions = Vec::new();
    for n in 0..7 {
        let guid = data_encoding::BASE64.encode(&[n + 100; 16]);
        slapd.modify(&format!("dn: cn=Temp {n},cn=Users,dc=test,dc=local\nchangetype: add\nobjectClass: user\ncn: Temp {n}\nsn: T\nsAMAccountName: temp{n}\nuserAccountControl: 512\nobjectGUID:: {guid}\ntokenGroups:: {}\nuserPassword: tempsecret\n", sid(1200)));
        sessions.push(place.login(&format!("temp{n}"), "tempsecret").await.unwrap());
    }
    let remove = |n: usize| {
        slapd.modify(&format!("dn: cn=Temp {n},cn=Users,dc=test,dc=local\nchangetype: delete\n"))
    };
    (0..6).for_each(remove);
    let mut strikes = 0;
    place.accounts.look_round(&mut strikes).await.unwrap();
    for session in &sessions {
        assert!(place.holds(session).await, "six of seven at once are not believed");
    }
    assert_eq!(place.records("directory.breaker").await, 1);
}

async fn the_two_kinds_of_account_do_not_mix(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    // A password here wins, and never falls through to the directory.
    place.add("alice").await;
    place.refused("alice", "alicesecret").await;
    assert_eq!(place.why().await, "password");
    place.login("alice", PASSWORD).await.unwrap();
    // Nor does somebody of the directory get the account by another of their names.
    place.refused("alice@test.local", "alicesecret").await;
    assert_eq!(place.why().await, "directory:name");

    slapd.modify(&format!("dn: cn=Greta Guest,cn=Users,dc=test,dc=local\nchangetype: modify\nadd: tokenGroups\ntokenGroups:: {}\n", sid(1100)));
    let greta = place.login("greta", "gretasecret").await.unwrap();
    let (operator, act) = (Session::of_same_uid(0), place.home.act("test"));
    let owner = vec![Granted { role: "system-owner".to_owned(), scope: Scope::All }];
    let changed = place.accounts.set_grants(&act, &operator, &name("greta"), owner).await;
    assert!(matches!(changed, Err(AccountError::Refused(_))), "{changed:?}");
    let reset = AccountChange::ResetPassword(secret(PASSWORD));
    let reset = place.accounts.change(&act, &operator, &name("greta"), reset).await;
    assert!(matches!(reset, Err(AccountError::Refused(_))), "{reset:?}");
    let own = place.accounts.change_password(&greta, secret("gretasecret"), secret(PASSWORD)).await;
    assert!(matches!(own, Err(AccountError::Refused(_))), "{own:?}");
    // She can be kept out here whatever the directory says.
    place.accounts.change(&act, &operator, &name("greta"), AccountChange::Disable).await.unwrap();
    assert!(!place.holds(&greta).await);
    place.refused("greta", "gretasecret").await;
    assert_eq!(place.why().await, "disabled");
}

async fn guesses_count_whatever_somebody_is_called(on: On, clock: Clock) {
    let (authority, slapd) = many_threads();
    let place = Place::usual((on, clock), &slapd, &authority).await;
    place.login("alice", "alicesecret").await.unwrap();
    for _ in 0..5 {
        place.refused("alice", "wrong").await;
    }
    place.refused("alice", "alicesecret").await;
    assert_eq!(place.why().await, "locked");
    place.refused("alice@test.local", "alicesecret").await;
    assert_eq!(place.why().await, "locked");
    place.hands.forward(31 * 60_000_000);
    place.login("alice", "alicesecret").await.unwrap();
}

async fn settings_that_cannot_be_meant_are_refused(on: On, clock: Clock) {
    let (_, now_us) = clock;
    let home = Home::on(on, now_us).await;
    let authority = Authority::new();
    let right = settings(&[free()], "", &[(OPERATORS, "operator")]);
    assert!(read(&home, &authority.pem(), &right).is_some());
    for wrong in [
        settings(&[], "", &[(OPERATORS, "operator")]),
        settings(&[free(), free(), free(), free()], "", &[(OPERATORS, "operator")]),
        settings(&[free()], "", &[("cn=five,dc=test,dc=local", "operator")]),
        settings(&[free()], "kind = \"ldap\"\n", &[(OPERATORS, "operator")]),
        settings(&[free()], "no_tls = true\n", &[(OPERATORS, "operator")]),
        right.replace("{ secret = \"directory\" }", "\"svcsecret\""),
        right.replace("ca = \"ca.pem\"\n", ""),
    ] {
        assert!(read(&home, &authority.pem(), &wrong).is_none(), "{wrong}");
    }
    for (what, text, ca) in [
        ("role", right.replace("operator", "emperor"), authority.pem()),
        ("ca", right.clone(), "nothing".to_owned()),
    ] {
        let rules = AccountRules {
            node: "node".to_owned(),
            second_factor: SecondFactorPolicy::Optional,
            directory: read(&home, &ca, &text),
            approvals: false,
        };
        assert!(rules.directory.is_some());
        let opened =
            Accounts::open(home.store.clone(), home.data(), rules, (now_us, Cost::LEAST)).await;
        assert!(matches!(opened, Err(AccountError::Invalid(_))), "{what}");
    }
}

/// Sequences in sequences: whoever follows them runs out of stack.
fn nested(deep: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for level in 0..deep {
        let length = u32::try_from((deep - level - 1) * 6).unwrap();
        bytes.extend([0x30, 0x84]);
        bytes.extend(length.to_be_bytes());
    }
    bytes
}

/// A server that does with each connection what the test says.
fn stub(
    asked: Arc<AtomicUsize>,
    with: impl Fn(&mut std::net::TcpStream) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            asked.fetch_add(1, Ordering::SeqCst);
            with(&mut socket);
        }
    });
    address
}

/// The same behind a right certificate: OpenSSL speaks TLS, and the test's bytes are what it says.
fn tls_stub(authority: &Authority, bytes: Vec<u8>, endless: bool) -> SocketAddr {
    let (certificate, key) = authority.server(&Shown::RIGHT);
    let chain = rustls_pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = rustls_pki_types::pem::PemObject::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let config = Arc::new(config);
    stub(Arc::default(), move |socket| {
        let Ok(mut tls) = rustls::ServerConnection::new(Arc::clone(&config)) else { return };
        let mut stream = rustls::Stream::new(&mut tls, socket);
        let mut heard = [0; 512];
        let _ = stream.read(&mut heard);
        while stream.write_all(&bytes).is_ok() && endless {}
        let _ = stream.read(&mut heard);
    })
}
