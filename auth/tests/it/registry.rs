use crate::home::{DAY_US, Home, clock, name};
use crate::openssl::{Openssl, mode};
use auth::ca::pem;
use auth::{KeySource, RegistryError};
use net::PeerBook;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;
use store::{AuthorityKind, PeerRights};

const HERE: &str = "10.1.2.3";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_let_in_by_key_state_channel_and_address() {
    let (_, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let [his, lab, stranger] =
        [home.issue("his").await, home.issue("lab").await, home.issue("x").await];
    home.add("his", &his, |order| order.rights.sources = vec!["10.1.0.0/16".to_owned()]).await;
    home.add("lab", &lab, |order| {
        order.pending = true;
        order.rights.channels = None;
        order.rights.applications = vec!["LAB".to_owned()];
    })
    .await;
    for (certificate, channel, from, expected) in [
        (&his, "adt", HERE, "his"),
        (&his, "adt", "::ffff:10.1.9.9", "his"),
        (&his, "oru", HERE, "peer-channel"),
        (&his, "adt", "10.2.0.1", "peer-address"),
        (&lab, "adt", HERE, "peer-pending"),
        (&stranger, "adt", HERE, "peer-unknown"),
        (&CertificateDer::from(vec![0x30, 0]), "adt", HERE, "peer-unknown"),
    ] {
        assert_eq!(home.knock(certificate, channel, from), expected);
    }
    home.registry.activate_peer(&home.act("peer.activate"), &name("lab")).await.unwrap();
    assert_eq!(
        home.knock(&lab, "anything", "203.0.113.9"),
        "lab",
        "every channel, from everywhere"
    );
    let changes = home.registry.changes();
    home.registry.revoke_peer(&home.act("peer.revoke"), &name("lab")).await.unwrap();
    assert!(changes.has_changed().unwrap(), "listeners hear of it");
    assert_eq!(home.knock(&lab, "anything", HERE), "peer-revoked");
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_ends_before_its_time_when_it_is_revoked_or_its_root_is() {
    let (hands, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let [his, lab] = [home.issue("his").await, home.issue("lab").await];
    home.add("his", &his, |_| {}).await;
    home.add("lab", &lab, |_| {}).await;
    let revoked = home.registry.revoke_issued(&home.act("ca.revoke"), "his").await.unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!(home.knock(&his, "adt", HERE), "peer-certificate");
    assert_eq!(home.knock(&lab, "adt", HERE), "lab");
    let again = home.registry.revoke_issued(&home.act("ca.revoke"), "his").await;
    assert!(matches!(again, Err(RegistryError::Refused(_))));
    let nobody = home.registry.revoke_issued(&home.act("ca.revoke"), "nobody").await;
    assert!(matches!(nobody, Err(RegistryError::Absent(_))));
    let rotation = home.registry.rotate_ca(&home.act("ca.rotate")).await.unwrap();
    assert_eq!(rotation.affected, [name("lab")], "what was revoked needs no new certificate");
    assert_eq!(home.registry.authorities().roots.len(), 2);
    assert_eq!(home.registry.authorities().revocations.len(), 2, "each with its list");
    assert_eq!(home.knock(&lab, "adt", HERE), "lab", "both roots are trusted");
    hands.forward(7 * DAY_US);
    assert_eq!(home.registry.authorities().roots.len(), 1);
    assert_eq!(home.knock(&lab, "adt", HERE), "peer-certificate", "the overlap is over");
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_not_taken_after_its_last_day_even_on_a_connection_that_is_open() {
    let (hands, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let his = home.issue("his").await;
    home.add("his", &his, |_| {}).await;
    let mut changes = home.registry.changes();
    changes.mark_unchanged();
    let keeping = tokio::spawn(Arc::clone(&home.registry).keep());
    hands.forward(91 * DAY_US);
    changes.changed().await.unwrap();
    assert_eq!(home.knock(&his, "adt", HERE), "peer-certificate");
    keeping.abort();
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_the_root_keeps_the_old_key_sealed_and_tried() {
    let (_, now_us) = clock!();
    let home = Home::new(now_us).await;
    let none = home.registry.rotate_ca(&home.act("ca.rotate")).await;
    assert!(matches!(none, Err(RegistryError::Refused(_))), "there is nothing to rotate");
    let root = home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let again = home.registry.init_ca(&home.act("ca.init")).await;
    assert!(matches!(again, Err(RegistryError::Refused(_))));
    let preview = home.registry.preview_rotation().unwrap();
    assert!(preview.new.is_none());
    assert_eq!(home.registry.authorities().roots.len(), 1, "a preview changes nothing");
    let rotation = home.registry.rotate_ca(&home.act("ca.rotate")).await.unwrap();
    let kept = home.data().join("ca/ca-1.key.sealed");
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    let sealed = std::fs::read(&kept).unwrap();
    let authorities = home.store.authorities().await.unwrap();
    let old = authorities.iter().find(|one| one.name == rotation.old).unwrap();
    let key = home.store.open_authority_key(old.id, &sealed).await.unwrap();
    assert!(auth::ca::Signer::open(&root.der, &key).is_ok(), "the file holds the key");
    let plain = key.expose_secret();
    assert!(!sealed.windows(16).any(|window| plain.windows(16).any(|part| part == window)));
    let (new, certificate) = rotation.new.unwrap();
    assert_eq!(new, name("ca-2"));
    assert_ne!(certificate.subject, root.subject);
    let published = std::fs::read_to_string(home.data().join("ca/ca.pem")).unwrap();
    assert!(
        published.contains(&pem("CERTIFICATE", &root.der))
            && published.contains(&pem("CERTIFICATE", &certificate.der))
    );
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_keys_of_a_peer_overlap_for_seven_days_at_most() {
    let (hands, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let first = home.issue("his").await;
    home.add("his", &first, |_| {}).await;
    hands.forward(1_000_000);
    let second = home.issue("his").await;
    let rotate = async |days: i64| {
        let act = home.act("peer.rotate");
        home.registry.rotate_peer(&act, &name("his"), &KeySource::Issued, days).await
    };
    for days in [-1, 8] {
        assert!(matches!(rotate(days).await, Err(RegistryError::Invalid(_))), "{days} days");
    }
    rotate(7).await.unwrap();
    assert_eq!([&first, &second].map(|c| home.knock(c, "adt", HERE)), ["his", "his"]);
    hands.forward(7 * DAY_US);
    assert_eq!([&first, &second].map(|c| home.knock(c, "adt", HERE)), ["peer-key", "his"]);
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_refused() {
    let (_, now_us) = clock!();
    let (home, openssl) = (Home::new(now_us).await, Openssl::new());
    let root = home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let his = pem("CERTIFICATE", &home.issue("his").await);
    openssl.authority("pki");
    openssl.put("server.ext", "extendedKeyUsage=serverAuth\n");
    openssl.client("pki", "lab");
    openssl.says("x509 -req -in lab.csr -CA pki.pem -CAkey pki.key -days 30 -extfile server.ext -out server.pem");
    let rights = || PeerRights { channels: Some(vec![name("adt")]), ..PeerRights::default() };
    let key = |text: &str| KeySource::Certificate(text.to_owned());
    let cases = [
        (PeerRights { channels: Some(Vec::new()), ..rights() }, key(&his)),
        (PeerRights { sources: vec!["10.1.0.1/16".to_owned()], ..rights() }, key(&his)),
        (PeerRights { applications: vec!["A\rB".to_owned()], ..rights() }, key(&his)),
        (PeerRights { facilities: vec![String::new()], ..rights() }, key(&his)),
        (rights(), key(&pem("CERTIFICATE", &root.der))),
        (rights(), key(&openssl.read("server.pem"))),
        (rights(), key("nothing")),
        (rights(), KeySource::Pinned("12ab".to_owned())),
        (rights(), KeySource::Issued),
    ];
    for (rights, key) in cases {
        let order =
            auth::PeerOrder { name: name("lab"), rights: rights.clone(), key, pending: false };
        let added = home.registry.add_peer(&home.act("peer.add"), order).await;
        assert!(added.is_err(), "{rights:?}");
    }
    assert!(home.registry.book().peers.is_empty());
    let pinned = "AB:".repeat(31) + "AB";
    let order = auth::PeerOrder {
        name: name("lab"),
        rights: rights(),
        key: KeySource::Pinned(pinned),
        pending: false,
    };
    home.registry.add_peer(&home.act("peer.add"), order).await.unwrap();
    assert_eq!(home.registry.book().peers[0].keys[0].spki, [0xab; 32]);
    let trust = async |text: &str, list: Option<&str>| {
        home.registry.trust(&home.act("ca.trust"), &name("pki"), text, list).await
    };
    assert!(trust(&his, None).await.is_err(), "a leaf is no authority");
    let own = home.data().join("ca/crl.pem");
    let other = trust(&openssl.read("pki.pem"), own.to_str()).await;
    assert!(matches!(other, Err(RegistryError::Invalid(_))), "the list of another authority");
    assert!(trust(&openssl.read("pki.pem"), Some("/nowhere/list")).await.is_err());
    std::fs::remove_file(openssl.path("pki.number")).unwrap();
    openssl.put("pki.cnf", &openssl.read("pki.cnf").replace("crlnumber", "#"));
    let old = openssl.list("pki", 24);
    let of_old_form = trust(&openssl.read("pki.pem"), old.to_str()).await;
    assert!(
        matches!(of_old_form, Err(RegistryError::Invalid(_))),
        "a list of a form that no listener takes"
    );
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_another_authority_is_followed_and_its_absence_stops_it() {
    let (_, now_us) = clock!();
    let (home, openssl) = (Home::new(now_us).await, Openssl::new());
    let authority = openssl.authority("pki");
    let lab = openssl.client("pki", "lab");
    let path = openssl.list("pki", 24 * 5);
    let keeping = tokio::spawn(Arc::clone(&home.registry).keep());
    home.registry
        .trust(&home.act("ca.trust"), &name("pki"), &authority, path.to_str())
        .await
        .unwrap();
    let certificate = auth::ca::Certificate::from_pem(&lab).unwrap();
    home.add("lab", &certificate.der, |_| {}).await;
    let authorities = || {
        let now = home.registry.authorities();
        (now.roots.len(), now.revocations.len())
    };
    assert_eq!(
        (authorities(), home.knock(&certificate.der, "adt", HERE).as_str()),
        ((1, 1), "lab")
    );
    let mut changes = home.registry.changes();
    changes.mark_unchanged();
    openssl.says("ca -config pki.cnf -cert pki.pem -keyfile pki.key -revoke lab.pem");
    openssl.list("pki", 24 * 5);
    changes.changed().await.unwrap();
    assert_eq!(home.knock(&certificate.der, "adt", HERE), "peer-certificate");
    std::fs::remove_file(&path).unwrap();
    changes.changed().await.unwrap();
    assert_eq!(authorities(), (0, 0), "without its list nothing of it is taken");
    assert!(home.registry.warnings().iter().any(|text| text.contains("cannot be read")));
    openssl.list("pki", 24);
    changes.changed().await.unwrap();
    assert_eq!(authorities(), (1, 1));
    let warnings = home.registry.warnings();
    assert!(
        warnings.iter().any(|text| text.contains("revocation list of the authority `pki`")),
        "{warnings:?}"
    );
    home.registry.distrust(&home.act("ca.distrust"), &name("pki")).await.unwrap();
    assert_eq!(authorities(), (0, 0));
    keeping.abort();
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_list_is_signed_again_every_day_and_at_the_start() {
    let (hands, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let number = || home.registry.book().authorities[0].row.crl.as_ref().unwrap().number;
    let mut changes = home.registry.changes();
    changes.mark_unchanged();
    let keeping = tokio::spawn(Arc::clone(&home.registry).keep());
    assert_eq!(number(), 1);
    hands.forward(DAY_US + 1_000_000);
    changes.changed().await.unwrap();
    assert_eq!(number(), 2);
    let published = home.data().join("ca/crl.pem");
    let list = &home.registry.book().authorities[0].row.crl.as_ref().unwrap().der.clone();
    // Listeners hear of it first, the file follows.
    let written = async {
        while std::fs::read_to_string(&published).ok() != Some(pem("X509 CRL", list)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), written).await.unwrap();
    keeping.abort();
    hands.forward(30 * DAY_US);
    let later = auth::Registry::open(home.store.clone(), home.data(), now_us).await.unwrap();
    let until_us = later.book().authorities[0].row.crl.as_ref().unwrap().until_us;
    assert!(until_us > now_us(), "an engine that comes back has a list that is good");
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_is_told_before() {
    let (hands, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let his = home.issue("his").await;
    home.add("his", &his, |_| {}).await;
    for (forward, expected) in [
        (0, None),
        (59, None),
        (2, Some("expires in 28 days")),
        (27, Some("expires in 1 day")),
        (1, Some("expires within a day")),
        (2, Some("has expired")),
    ] {
        hands.forward(forward * DAY_US);
        let warnings = home.registry.warnings();
        let about = warnings.iter().find(|text| text.contains("peer `his`"));
        match expected {
            None => assert_eq!(about, None),
            Some(words) => {
                assert!(about.is_some_and(|text| text.contains(words)), "{words}: {warnings:?}")
            }
        }
    }
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_turned_away_is_in_the_audit_log() {
    let (_, now_us) = clock!();
    let home = Home::new(now_us).await;
    let before = home.store.verify_audit().await.unwrap().checked;
    for _ in 0..3 {
        home.registry.turned_away(&name("adt"), HERE.parse().unwrap(), "peer-unknown");
    }
    let keeping = tokio::spawn(Arc::clone(&home.registry).keep());
    let written = async {
        while home.store.verify_audit().await.unwrap().checked < before + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), written).await.unwrap();
    keeping.abort();
    home.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_outlives_a_restart() {
    let (_, now_us) = clock!();
    let home = Home::new(now_us).await;
    home.registry.init_ca(&home.act("ca.init")).await.unwrap();
    let his = home.issue("his").await;
    home.add("his", &his, |_| {}).await;
    let again = auth::Registry::open(home.store.clone(), home.data(), now_us).await.unwrap();
    assert_eq!(again.book().peers, home.registry.book().peers);
    assert_eq!(again.book().authorities[0].row.kind, AuthorityKind::Own);
    assert_eq!(again.authorities().roots.len(), 1);
    home.store.close().await.unwrap();
}
