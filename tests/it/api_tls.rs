//! The admin API where other machines can reach it: encrypted, asked by its own names, and owned by somebody.

use hilum_tests::certificates::{Authority, GOOD, Leaf};
use hilum_tests::s_client::answer;
use hilum_tests::site::{Site, Store};
use hilum_tests::{ports, verbs, wait};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const TLS: &str = "tls = { cert = \"certs/api.pem\", key = \"certs/api.key\" }";

/// A site whose admin API listens there, with these further settings.
fn site(listen: SocketAddr, more: &str) -> (Site, Authority) {
    let site = Site::new(Store::Sqlite);
    let authority = Authority::new(&site.path("certs"), "ca");
    authority.issue("api", &GOOD);
    site.write("server.toml", &format!("[api]\nlisten = \"{listen}\"\n{more}\n"));
    (site, authority)
}

fn get(host: &str, more: &str) -> Vec<u8> {
    format!("GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n").into()
}

#[test]
fn over_tls_it_is_asked_by_the_names_of_its_certificate() {
    let address = ports::free();
    let (site, authority) = site(address, TLS);
    let engine = site.serve();
    assert!(
        engine.said().contains(&format!("admin API on https://{address}")),
        "{}",
        engine.said()
    );
    let (certs, port) = (site.path("certs"), address.port());
    for (host, more, status) in [
        (format!("localhost:{port}"), String::new(), 401),
        (format!("LOCALHOST:{port}"), String::new(), 401),
        (format!("127.0.0.1:{port}"), String::new(), 401),
        ("localhost".to_owned(), String::new(), 401),
        (format!("[::1]:{port}"), String::new(), 421),
        (format!("evil.example:{port}"), String::new(), 421),
        (format!("localhost:{port}"), format!("Origin: https://localhost:{port}\r\n"), 401),
        (format!("localhost:{port}"), format!("Origin: http://localhost:{port}\r\n"), 403),
        (format!("localhost:{port}"), "Origin: https://evil.example\r\n".to_owned(), 403),
    ] {
        let said = answer(&certs, address, &[], &get(&host, &more));
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {more}: {said}");
    }
    let h2 = answer(&certs, address, &["-alpn", "h2"], &get("localhost", ""));
    assert_eq!(h2, "", "HTTP/1.1 alone is spoken");

    // Whoever does not encrypt gets no answer.
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(&get("localhost", "")).unwrap();
    let mut said = Vec::new();
    let _reset = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&said));

    // A verb trusts the authority that it is given, and asks as somebody who has signed in.
    let (api, ca) = (format!("https://{address}"), certs.join("ca.pem").display().to_string());
    let told = verbs::local(&["status", "--api", &api, "--api-ca", &ca]);
    assert!(told.code == Some(1) && told.stderr.contains("nobody is signed in"), "{told:?}");
    Authority::new(&site.path("others"), "ca");
    let other = site.path("others/ca.pem").display().to_string();
    let told = verbs::local(&["status", "--api", &api, "--api-ca", &other]);
    assert_eq!(told.code, Some(3), "{told:?}");
    let told = verbs::local(&["status", "--api", &api]);
    assert_eq!(told.code, Some(64), "{told:?}");

    // The certificate is looked after as those of the channels are.
    let of_api = |status: &serde_json::Value| {
        let all = status["certificates"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["channel"].is_null()).expect("the API's certificate")
    };
    let before = of_api(&site.json(&["status"]));
    assert!(site.verb(&["status"]).stdout.contains("admin API"));
    authority.issue("api", &Leaf { years: (2020, 2080), ..GOOD });
    wait::until("the renewed certificate is in use", || {
        (of_api(&site.json(&["status"]))["until_us"] != before["until_us"]).then_some(())
    });
    engine.stop();
}

#[test]
fn open_to_other_machines_it_needs_tls_and_an_owner() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], ports::free().port()));
    let (bare, _) = site(everywhere, "");
    let check = verbs::local(&["check", &bare.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(format!("{}{}", check.stdout, check.stderr).contains("C0411"), "{check:?}");
    let ended = bare.try_serve().err().expect("refused");
    assert_eq!(ended.status.code(), Some(78), "{ended}");

    let (unowned, _) = site(everywhere, TLS);
    let ended = unowned.try_serve().err().expect("refused");
    assert_eq!(ended.status.code(), Some(78), "{ended}");
    assert!(ended.said.contains("nobody owns the system"), "{ended}");

    let (keyless, _) = site(ports::free(), TLS);
    std::fs::write(keyless.path("certs/api.key"), "no key").unwrap();
    let check = verbs::local(&["check", &keyless.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(format!("{}{}", check.stdout, check.stderr).contains("server.toml:3"), "{check:?}");
}
