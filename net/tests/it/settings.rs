//! Settings as a configuration writes them.

use config::{Diagnostics, Field, Kind, Scope, Section, parse_toml};
use net::{ENTRANCE_FIELDS, Entrance, TARGET_FIELDS, Target};

const ADDRESS: &[Field] = &[Field::required("address", "The receiver.", Kind::Address)];

/// A receiver as a destination's table says.
pub fn target(text: &str) -> Result<Target, String> {
    let mut diags = Diagnostics::new();
    let table = parse_toml(&mut diags, "destination.toml", text.to_owned()).unwrap();
    let section = Section::read(&table, &[ADDRESS, TARGET_FIELDS], &Scope::none(), &mut diags);
    let target = section.address("address").and_then(|address| {
        Target::read(&section, (address, section.span_of("address")), &[], &mut diags)
    });
    if diags.has_errors() { Err(diags.render(false)) } else { Ok(target.unwrap()) }
}

/// A listener as a source's table says.
pub fn entrance(text: &str) -> Result<Entrance, String> {
    let mut diags = Diagnostics::new();
    let table = parse_toml(&mut diags, "source.toml", text.to_owned()).unwrap();
    let section = Section::read(&table, &[ENTRANCE_FIELDS], &Scope::none(), &mut diags);
    let entrance = Entrance::read(&section, &[], &mut diags);
    if diags.has_errors() { Err(diags.render(false)) } else { Ok(entrance.unwrap()) }
}

#[test]
fn every_setting_is_documented_and_reads_its_own_examples() {
    assert_eq!(config::declaration_problems(&[ENTRANCE_FIELDS]), [""; 0]);
    assert_eq!(config::declaration_problems(&[TARGET_FIELDS]), [""; 0]);
}

#[test]
fn an_address_that_others_reach_needs_tls_or_a_reason() {
    for listen in ["0.0.0.0:2575", "[::]:2575", "192.0.2.1:2575"] {
        let error = entrance(&format!("listen = '{listen}'")).unwrap_err();
        assert!(error.contains("C0411"), "{error}");
    }
    let plain = |until: &str, from: &str| {
        entrance(&format!(
            "listen = '0.0.0.0:2575'\nplaintext = {{ reason = 'no TLS', until = {until}, from = {from} }}"
        ))
    };
    let accepted = plain("2999-12-31", "['10.1.0.0/16']").unwrap();
    assert_eq!(accepted.plaintext().unwrap().reason, "no TLS");
    for (until, from, code) in [
        ("2020-01-01", "['10.1.0.0/16']", "C0421"),
        ("2999-12-31", "[]", "C0108"),
        ("2999-12-31", "['0.0.0.0/0']", "C0422"),
        ("2999-12-31", "['*']", "C0422"),
        ("'2999-12-31'", "['10.1.0.0/16']", "C0104"),
        ("2999-12-31T00:00:00Z", "['10.1.0.0/16']", "C0108"),
    ] {
        let error = plain(until, from).unwrap_err();
        assert!(error.contains(code), "{until} {from}: {error}");
    }
    let error = entrance(
        "listen = '0.0.0.0:1'\nplaintext = { reason = ' ', until = 2999-12-31, from = ['10.0.0.0/8'] }",
    );
    assert!(error.unwrap_err().contains("`reason` says nothing"));
}

#[test]
fn a_destination_elsewhere_needs_tls_or_a_reason() {
    for address in ["192.0.2.1:2575", "lab:2575", "[::ffff:127.0.0.1]:2575"] {
        let error = target(&format!("address = '{address}'")).unwrap_err();
        assert!(error.contains("C0411"), "{error}");
    }
    let plain = "plaintext = { reason = 'no TLS', until = 2999-12-31 }";
    target(&format!("address = 'lab:2575'\n{plain}")).unwrap();
    let ended = "plaintext = { reason = 'no TLS', until = 2020-12-31 }";
    assert!(target(&format!("address = 'lab:2575'\n{ended}")).unwrap_err().contains("C0421"));
}

#[test]
fn no_receiver_is_at_an_address_that_is_none() {
    let plain = "plaintext = { reason = 'no TLS', until = 2999-12-31 }";
    for host in [
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "224.0.0.1",
        "0.0.0.0",
    ] {
        let error = target(&format!("address = '{host}:80'\n{plain}")).unwrap_err();
        assert!(error.contains("C0423"), "{host}: {error}");
    }
    for host in ["0x7f.1", "2130706433"] {
        let error = target(&format!("address = '{host}:80'\n{plain}")).unwrap_err();
        assert!(error.contains("C0108"), "{host}: {error}");
    }
    for to in ["['*']", "['0.0.0.0/0']", "['::/0']", "['0.0.0.0/1', '128.0.0.0/1']"] {
        let error = target(&format!("address = '10.1.2.3:80'\nto = {to}\n{plain}")).unwrap_err();
        assert!(error.contains("C0422"), "{to}: {error}");
    }
    let outside = target(&format!("address = '10.1.2.3:80'\nto = ['10.2.0.0/16']\n{plain}"));
    assert!(outside.unwrap_err().contains("C0423"));
}
