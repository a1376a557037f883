//! The way to the store's PostgreSQL: only to the server that the certificate proves, never without encryption.

use crate::parts::files;
use hilum_tests::certificates::{Authority, GOOD};
use hilum_tests::message;
use hilum_tests::postgres::{Cluster, query};
use hilum_tests::site::Site;
use hilum_tests::wire::Connection;
use std::path::Path;

fn url(host: &str, port: u16, ca: &Path) -> String {
    format!(
        "postgres://postgres@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={}",
        ca.display()
    )
}

/// K-11.
#[test]
fn a_database_that_does_not_prove_its_name_gets_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(&folder.path().join("ours"), "ours");
    let other = Authority::new(&folder.path().join("other"), "other");
    let proven = Cluster::with_certificate(&ours.issue("database", &GOOD));
    let bare = Cluster::start();

    // The certificate names `localhost` and 127.0.0.1.
    let refused = [
        ("another authority", url("127.0.0.1", proven.port(), &other.file())),
        ("another name", url("127.0.0.2", proven.port(), &ours.file())),
        ("no TLS at all", url("127.0.0.1", bare.port(), &ours.file())),
    ];
    for (what, url) in refused {
        let site = Site::on(&url);
        site.feed("adt", "", &files("archive", ""));
        let ended = site.try_serve().err().unwrap_or_else(|| panic!("{what}: it started"));
        assert_eq!(ended.status.code(), Some(3), "{what}: {ended}");
    }
    for cluster in [&proven, &bare] {
        let plain = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port());
        let made = "select count(*) from information_schema.tables where table_schema = 'public'";
        assert_eq!(query(&plain, made).trim(), "0", "nothing was written");
    }

    let site = Site::on(&url("localhost", proven.port(), &ours.file()));
    let feed = site.feed("adt", "", &files("archive", ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("K11", "P1"));
    let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'hilum' and not ssl";
    assert_eq!(query(&proven.url(), plain).trim(), "0", "every session is encrypted");
    engine.stop();
}
