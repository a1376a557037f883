//! Settings as people write them.

use std::time::Duration;

use config::{Diagnostics, Paths, Scope, Section, parse_toml};
use connectors::mllp::{
    Action, ApplicationAcks, ListenerSettings, Release, SenderSettings, WaitFor,
};
use connectors::{DESTINATIONS, DestinationSettings, SOURCES, SourceSettings};

fn source(text: &str) -> Result<SourceSettings, String> {
    let mut diags = Diagnostics::default();
    let table = parse_toml(&mut diags, "source.toml", text.to_owned()).unwrap();
    let read = Section::tagged(&table, "type", SOURCES, &[], &Scope::none(), &mut diags);
    let settings =
        read.and_then(|(kind, section)| SourceSettings::read(kind, &section, &mut diags));
    if diags.has_errors() { Err(diags.render(false)) } else { Ok(settings.unwrap()) }
}

fn destination(text: &str) -> Result<DestinationSettings, String> {
    let mut diags = Diagnostics::default();
    let paths = Paths::new("/site", Some("/var/lib/hilum".into()));
    let table = parse_toml(&mut diags, "destination.toml", text.to_owned()).unwrap();
    let read = Section::tagged(
        &table,
        "type",
        DESTINATIONS,
        &[],
        &Scope::none().with_paths(&paths),
        &mut diags,
    );
    let settings =
        read.and_then(|(kind, section)| DestinationSettings::read(kind, &section, &mut diags));
    if diags.has_errors() { Err(diags.render(false)) } else { Ok(settings.unwrap()) }
}

/// The receiver of an MLLP destination.
pub fn target(text: &str) -> Result<net::Target, String> {
    let settings = destination(&format!("type = 'mllp'\n{text}"))?;
    Ok(settings.target().unwrap().clone())
}

#[test]
fn an_mllp_source_needs_only_its_address() {
    let SourceSettings::Mllp(settings) =
        source("type = 'mllp'\nlisten = '127.0.0.1:2575'").unwrap()
    else {
        panic!("not an MLLP source")
    };
    assert_eq!(
        settings,
        ListenerSettings::new("127.0.0.1:2575".parse().unwrap()),
        "the declared defaults are the defaults of the code"
    );
    assert_eq!(SourceSettings::Mllp(settings).to_string(), "mllp 127.0.0.1:2575");
}

#[test]
fn every_setting_of_an_mllp_source_is_read() {
    let text = "type = 'mllp'\nlisten = '[::1]:2575'\nmax_message = '1 MiB'\nmax_connections = 2\nmax_connections_per_address = 1\nread_ahead = 5\n\
                frame_silence = '7s'\nframe_time = '9s'\ntolerate_missing_start = true\ntolerate_missing_cr = true\ntolerate_lf_end = true";
    let SourceSettings::Mllp(settings) = source(text).unwrap() else {
        panic!("not an MLLP source")
    };
    assert_eq!(settings.framing.frame_bytes_max, 1 << 20);
    assert_eq!(
        (
            settings.entrance.connections_max,
            settings.entrance.connections_per_address_max,
            settings.read_ahead_max
        ),
        (2, 1, 5)
    );
    assert_eq!(
        (settings.times.silence, settings.times.whole),
        (Duration::from_secs(7), Duration::from_secs(9))
    );
    let framing = settings.framing;
    assert!(
        framing.tolerate_missing_start && framing.tolerate_missing_cr && framing.tolerate_lf_end
    );
}

#[test]
fn a_listener_that_others_could_reach_is_refused() {
    for address in ["0.0.0.0:2575", "192.0.2.1:2575", "[::]:2575"] {
        let error = source(&format!("type = 'mllp'\nlisten = '{address}'")).unwrap_err();
        assert!(error.contains("C0411"), "{error}");
    }
}

#[test]
fn limits_cannot_be_set_to_nothing_or_beyond_the_hard_maximum() {
    for setting in [
        "max_message = '0 B'",
        "max_message = '1 GiB'",
        "max_connections = 0",
        "max_connections = 513",
        "frame_time = '0s'",
        "read_ahead = 0",
    ] {
        let error =
            source(&format!("type = 'mllp'\nlisten = '127.0.0.1:2575'\n{setting}")).unwrap_err();
        assert!(error.contains("C0105"), "{setting}: {error}");
    }
}

#[test]
fn an_mllp_destination_needs_only_its_address() {
    let settings = destination("type = 'mllp'\naddress = 'localhost:2576'").unwrap();
    let DestinationSettings::Mllp(settings) = settings else { panic!("not mllp") };
    assert_eq!(settings, SenderSettings::new(target("address = 'localhost:2576'").unwrap()));
}

#[test]
fn the_action_table_is_read_and_the_rest_of_it_stays() {
    let text = "type = 'mllp'\naddress = '127.0.0.1:2576'\ntimeout = '5s'\nconnect_timeout = '1s'\non = { error = 'retry', wrong_id = 'accept', timeout = 'dead-letter' }";
    let DestinationSettings::Mllp(settings) = destination(text).unwrap() else {
        panic!("not mllp")
    };
    let actions = settings.actions;
    assert_eq!(
        (actions.error, actions.wrong_id, actions.timeout),
        (Action::Retry, Action::Accept, Action::DeadLetter)
    );
    assert_eq!(
        (actions.reject, actions.blank, actions.garbage, actions.closed),
        (Action::Retry, Action::Retry, Action::Retry, Action::Retry)
    );
    assert_eq!(
        (settings.timeout, settings.connect_timeout),
        (Duration::from_secs(5), Duration::from_secs(1))
    );
}

#[test]
fn what_ends_a_delivery_is_read_as_a_whole() {
    let wait = |more: &str| {
        let text = format!("type = 'mllp'\naddress = '127.0.0.1:2576'\n{more}");
        destination(&text).map(|settings| match settings {
            DestinationSettings::Mllp(settings) => (settings.release, settings.wait_for),
            other => panic!("{other}"),
        })
    };
    let acks = "wait_for = 'application'\napplication_acks = 'lab-acks'\napplication_timeout = '10m'\non = { no_application_ack = 'retry' }";
    let expected = WaitFor::Application(ApplicationAcks {
        channel: config::Name::new("lab-acks").unwrap(),
        within: Duration::from_secs(600),
        missing: Action::Retry,
    });
    assert_eq!(wait(acks).unwrap(), (Release::One, expected));
    assert_eq!(
        wait("wait_for = 'nothing'\nrelease = 2").unwrap(),
        (Release::Two, WaitFor::Nothing)
    );
    assert_eq!(wait("").unwrap(), (Release::One, WaitFor::Answer));
    for (text, code) in [
        ("wait_for = 'application'", "C0103"),
        ("application_acks = 'lab-acks'", "C0320"),
        ("wait_for = 'nothing'\napplication_timeout = '1m'", "C0320"),
        ("release = 3", "C0105"),
    ] {
        let error = wait(text).unwrap_err();
        assert!(error.contains(code), "{text}: {error}");
    }
    match source("type = 'mllp'\nlisten = '127.0.0.1:2575'\nrelease = 2").unwrap() {
        SourceSettings::Mllp(settings) => assert_eq!(settings.release, Release::Two),
        other => panic!("{other}"),
    }
}

#[test]
fn silence_can_never_mean_delivered() {
    for kind in ["timeout", "closed", "garbage"] {
        let error = destination(&format!(
            "type = 'mllp'\naddress = '127.0.0.1:2576'\non = {{ {kind} = 'accept' }}"
        ))
        .unwrap_err();
        assert!(error.contains("C01"), "{error}");
    }
}

#[test]
fn a_destination_that_may_be_elsewhere_is_refused() {
    for address in ["192.0.2.1:2576", "lab.hospital.example:2576", "0.0.0.0:2576"] {
        let error = destination(&format!("type = 'mllp'\naddress = '{address}'")).unwrap_err();
        assert!(error.contains("C0411") && error.contains("add `tls = "), "{error}");
    }
}

#[test]
fn a_folder_is_resolved_and_only_the_data_folder_is_ours_to_make() {
    let DestinationSettings::File(ours) =
        destination("type = 'file'\nfolder = 'data/out/lab'").unwrap()
    else {
        panic!("not a file")
    };
    assert_eq!((ours.folder.to_str(), ours.makes_folder), (Some("/var/lib/hilum/out/lab"), true));
    assert_eq!(ours.name.to_string(), "{received}-{id}.hl7");
    let DestinationSettings::File(other) =
        destination("type = 'file'\nfolder = '/srv/data'\nfile_name = '{MSH-10}.hl7'").unwrap()
    else {
        panic!("not a file")
    };
    assert_eq!((other.folder.to_str(), other.makes_folder), (Some("/srv/data"), false));
}

#[test]
fn a_bad_file_name_is_underlined_where_it_is_bad() {
    let error =
        destination("type = 'file'\nfolder = 'data/out'\nfile_name = '{received}-{idd}.hl7'")
            .unwrap_err();
    assert!(
        error.contains("C0311") && error.contains("destination.toml:3:26") && error.contains("^^^"),
        "{error}"
    );
}

#[test]
fn an_http_source_needs_only_its_address() {
    let SourceSettings::Http(settings) =
        source("type = 'http'\nlisten = '127.0.0.1:8575'").unwrap()
    else {
        panic!("not an http source")
    };
    let defaults = connectors::http::ListenerSettings::new("127.0.0.1:8575".parse().unwrap());
    assert_eq!(settings, defaults, "the declared defaults are the defaults of the code");
    assert_eq!(SourceSettings::Http(settings).to_string(), "http 127.0.0.1:8575/");
}

#[test]
fn an_http_source_that_others_reach_asks_who_they_are() {
    let plain = "plaintext = { reason = 'a test', until = 2099-01-01, from = ['10.0.0.0/8'] }";
    let open = format!("type = 'http'\nlisten = '10.0.0.1:8575'\n{plain}\n");
    let error = source(&open).unwrap_err();
    assert!(error.contains("C0441") && error.contains("10.0.0.1:8575"), "{error}");
    let SourceSettings::Http(settings) =
        source(&format!("{open}token = {{ secret = 'adt' }}")).unwrap()
    else {
        panic!("not an http source")
    };
    assert!(matches!(settings.proof, connectors::http::Proof::Token(_)));
    assert!(source("type = 'http'\nlisten = '10.0.0.1:8575'").unwrap_err().contains("C0411"));
    for path in ["adt", "", "/a b", "/a?b", "/../a", "//a", "/%61", "/a#b"] {
        let error = source(&format!("type = 'http'\nlisten = '127.0.0.1:1'\npath = '{path}'"));
        assert!(error.unwrap_err().contains("C0108"), "{path}");
    }
}

#[test]
fn a_url_and_its_tls_say_the_same() {
    for (text, code) in [
        ("url = 'https://lab.example/in'", "C0433"),
        (
            "url = 'http://127.0.0.1/in'\ntls = { pin = ['sha256:2f0b45b3d6c2c1f8d3a7a6f2b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9'] }",
            "C0433",
        ),
        ("url = 'http://lab.example/in'", "C0411"),
        (
            "url = 'http://169.254.169.254/in'\nplaintext = { reason = 'x y z', until = 2099-01-01 }",
            "C0423",
        ),
    ] {
        let error = destination(&format!("type = 'http'\n{text}")).unwrap_err();
        assert!(error.contains(code), "{text}: {error}");
    }
}
