//! Requests to the admin API that are none, or that hold what does not belong there.

use crate::api::{setup_token, started};
use crate::parts::files;
use hilum_tests::admin::{PASSWORD, claim};
use hilum_tests::http::Client;
use hilum_tests::site::{Site, Store};
use serde_json::{Value, json};
use std::time::Duration;

/// A-05, B-01, B-02, B-04, B-09, M-07: what is no request of ours ends with a clear answer, and nothing hangs.
#[test]
fn odd_requests_are_refused_in_their_protocol() {
    let site = Site::new(Store::Sqlite);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    for (fields, status, code) in [
        ("Host: evil.example\r\n", 421, "misdirected"),
        ("Host: 127.0.0.1.evil.example\r\n", 421, "misdirected"),
        ("Origin: http://evil.example\r\n", 403, "other_origin"),
        ("Origin: null\r\n", 403, "other_origin"),
        ("Sec-Fetch-Site: cross-site\r\n", 403, "other_origin"),
        (
            "Authorization: Bearer hs1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
            401,
            "unauthenticated",
        ),
        ("Authorization: Basic b3duZXI6eA==\r\n", 401, "unauthenticated"),
        ("", 401, "unauthenticated"),
    ] {
        let answer = nobody.raw("GET", "/api/v1/status", fields, None);
        assert_eq!((answer.status, answer.code()), (status, code), "{fields}");
        assert_eq!(answer.told.field("cache-control"), Some("no-store"), "{fields}");
        assert_eq!(answer.told.field("access-control-allow-origin"), None, "{fields}");
    }
    for (method, path, body, status) in [
        ("POST", "/api/v1/auth/login", "{", 400),
        ("POST", "/api/v1/auth/login", "{}", 422),
        ("POST", "/api/v1/auth/login", r#"{"name":"a","password":"b","more":1}"#, 422),
        ("GET", "/api/v1/auth/login", "", 405),
        ("GET", "/api/v1/nothing", "", 404),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            site.api(),
            body.len()
        );
        let answer = Client::to(site.api()).ask(request.as_bytes()).expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path} {body}");
        assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{path}");
    }
    let long = "x".repeat((1 << 20) + 1);
    let answer = nobody.ask("POST", "/api/v1/auth/login", Some(&json!({ "name": long })));
    assert_eq!(answer.status, 413);
    let mut fields = String::new();
    (0..70).for_each(|n| fields.push_str(&format!("X-{n}: y\r\n")));
    let answer = nobody.raw("GET", "/api/v1/status", &fields, None);
    assert_eq!(answer.status, 431);
    // A header that never ends keeps its connection for ten seconds.
    let mut slow = Client::to(site.api());
    slow.write(b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n").unwrap();
    let took = slow.closes(Duration::from_secs(20)).expect("it is closed");
    assert!(took < Duration::from_secs(15), "{took:?}");
    engine.stop();
}

/// Nothing that a program can put into a request makes the engine stumble: the document says what each route takes, and each place of it
/// gets what does not belong there.
#[test]
fn no_request_makes_the_engine_stumble() {
    let site = Site::new(Store::Sqlite);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    let arguments = ["user", "add", "steward", "--role", "message-steward"];
    assert_eq!(site.verb_reading(&arguments, PASSWORD).code, Some(0));
    let steward = nobody.signed_in("steward", PASSWORD, None);
    let document = owner.get("/api/v1/openapi.json");
    let long = "\u{e9}".repeat(5_000);
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("\u{0}\r\n\u{202e}"),
        json!("../../etc/passwd"),
        json!("' or 1=1 --"),
        json!(long),
        json!([]),
        json!([null, {"a": []}]),
        json!({}),
        json!({"role": "viewer", "channels": [""]}),
        json!("0197a000-0000-7000-8000-000000000000"),
    ];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Sign-ins are held back, whatever they hold.
        let Some(operation) =
            methods.get("post").filter(|_| !path.contains("/auth/") && !path.contains("/setup"))
        else {
            continue;
        };
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let fields: Vec<&String> =
            schema["properties"].as_object().into_iter().flat_map(|all| all.keys()).collect();
        for value in &odd {
            for one in &fields {
                let mut body = serde_json::Map::new();
                for field in &fields {
                    let plain = if field == one { value.clone() } else { json!("adt") };
                    body.insert((*field).clone(), plain);
                }
                for body in [Value::Object(body), json!({ one.as_str(): value })] {
                    let mut answer = owner.ask("POST", path, Some(&body));
                    if answer.code() == "denied" {
                        // The owner reads no messages.
                        answer = steward.ask("POST", path, Some(&body));
                    }
                    let reached = answer.status < 500 && answer.code() != "step_up_needed";
                    assert!(reached, "{path} {body}: {answer:?}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 2_000, "{asked}");
    owner.get("/api/v1/status");
    assert!(!engine.said().contains("\"code\":\"panic\""), "{}", engine.said());
    engine.stop();
}
