//! The table of routes as a whole.

use std::collections::BTreeSet;

use console_api::{Needs, document, table};

#[test]
fn only_the_ways_in_are_open() {
    let open: BTreeSet<&str> = table()
        .iter()
        .filter(|route| route.needs == Needs::Nobody)
        .map(|route| route.path)
        .collect();
    let ways_in =
        ["/api/v1/auth/login", "/api/v1/break-glass", "/api/v1/setup", "/api/v1/setup/begin"];
    assert_eq!(open, BTreeSet::from(ways_in));
}

#[test]
fn no_two_routes_share_a_place_and_none_has_an_id_in_its_path() {
    let routes = table();
    let places: BTreeSet<_> =
        routes.iter().map(|route| (route.path, route.method.as_str())).collect();
    assert_eq!(places.len(), routes.len());
    // An id of a patient or a message in a path would be in the log of every proxy and browser.
    assert!(routes.iter().all(|route| !route.path.contains('{')));
}

#[test]
fn every_request_refuses_fields_that_it_does_not_know() {
    for route in table() {
        let Some(schema) = route.request.as_ref().or(route.query.as_ref()) else { continue };
        let closed = schema.as_value().get("additionalProperties") == Some(&false.into());
        assert!(closed, "{} takes anything", route.path);
    }
}

#[test]
fn the_document_has_every_route_and_no_reference_that_leads_nowhere() {
    let (routes, document) = (table(), document(&table()));
    for route in &routes {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert!(operation["summary"].is_string(), "{}", route.path);
        assert_eq!(operation["requestBody"].is_object(), route.request.is_some(), "{}", route.path);
        assert_eq!(operation["parameters"].is_array(), route.query.is_some(), "{}", route.path);
    }
    let text = document.to_string();
    assert!(!text.contains("#/$defs/"));
}
