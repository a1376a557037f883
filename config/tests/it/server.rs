//! `server.toml`.

use config::{Diagnostics, KeySource, Paths, Profile, SERVER_FIELDS, Server, SiteFiles, StoreUrl};
use std::path::Path;

fn read(text: Option<&str>) -> (Option<Server>, String) {
    let mut diags = Diagnostics::new();
    let site = SiteFiles {
        server: text.map(|text| ("server.toml".to_owned(), text.to_owned())),
        ..SiteFiles::default()
    };
    let server = Server::read(&site, &Paths::new("/site", None), &mut diags);
    (server, diags.render(false))
}

#[test]
fn a_missing_or_empty_file_is_the_defaults() {
    for text in [None, Some(""), Some("[server]\n[store]\n[api]\n[limits]\n")] {
        let (server, said) = read(text);
        assert_eq!(said, "");
        let server = server.unwrap();
        assert_eq!(
            (server.environment.as_str(), server.profile, server.zone.as_str()),
            ("development", Profile::Development, "UTC")
        );
        assert!(!server.node.is_empty());
        assert!(
            matches!(&server.store_url, StoreUrl::Sqlite(path) if path == Path::new("/site/data/hilum.db"))
        );
        assert_eq!(server.store_key, KeySource::File("/site/data/keys/store.key".into()));
        assert!(server.key_beside_data);
        assert_eq!(server.api.listen.to_string(), "127.0.0.1:8480");
        assert_eq!(server.disk_reserve, None);
    }
}

#[test]
fn every_setting_arrives() {
    let text = "environment = 'prod'\nzone = 'Europe/Berlin'\n[server]\nprofile = 'production'\nnode = 'hilum-a'\n\
        [store]\nurl = 'postgres://hilum@127.0.0.1/hilum'\nkey = 'cred:store-key'\n[api]\nlisten = '[::1]:9000'\n[limits]\ndisk_reserve = '1 GiB'\n";
    let (server, said) = read(Some(text));
    assert_eq!(said, "");
    let server = server.unwrap();
    assert_eq!(
        (server.environment.as_str(), server.profile, server.zone.as_str()),
        ("prod", Profile::Production, "Europe/Berlin")
    );
    assert_eq!(server.node, "hilum-a");
    assert_eq!(server.store_url.to_string(), "postgres://hilum@127.0.0.1/hilum");
    assert_eq!(server.store_key.to_string(), "cred:store-key");
    assert!(!server.key_beside_data);
    assert_eq!(server.api.listen.to_string(), "[::1]:9000");
    assert_eq!(server.disk_reserve, Some(1 << 30));
}

#[test]
fn production_refuses_a_key_beside_its_data_unless_it_is_acknowledged() {
    let (server, said) = read(Some("[server]\nprofile = 'production'\n"));
    assert!(server.is_none() && said.contains("error[C0414]"), "{said}");
    let (server, said) =
        read(Some("[server]\nprofile = 'production'\nacknowledge = ['key-beside-data']\n"));
    assert!(server.unwrap().key_beside_data && said.is_empty(), "{said}");
}

#[test]
fn the_reference_page_is_made_of_the_declarations() {
    let page = config::reference(
        "server.toml",
        "The settings of the engine. Everything has a default.",
        &[SERVER_FIELDS],
    );
    crate::golden::check(&crate::golden::data("server.md"), &page);
}
