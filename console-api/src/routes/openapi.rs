//! The OpenAPI 3.1 document, made from the table of routes.

use serde_json::{Map, Value, json};

use super::table::{Needs, Route};

/// Statuses that any route may answer, with what they mean.
const PROBLEMS: [(&str, &str); 11] = [
    ("400", "The request cannot be read."),
    ("401", "Nobody is signed in, or what was shown does not go together."),
    ("403", "The permission is missing, or it is more than whoever asks may do."),
    ("404", "It is not there, or not for whoever asks."),
    ("409", "It makes sense, but not in this state."),
    ("413", "The body is too long."),
    ("415", "The body is not JSON."),
    ("422", "The request can be read, but not be meant."),
    ("429", "Too many just now; `retry-after` says when."),
    ("503", "The store, or the audit log, does not take it now. Nothing was done."),
    ("504", "It took too long."),
];

/// The document of some routes.
pub fn document(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let method = route.method.as_str().to_ascii_lowercase();
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method, operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hilum admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:8480" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "session": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": problem() },
            "responses": refusals(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": "Done.", "content": { "application/json": { "schema": { "type": "object" } } } }),
    );
    for (status, _) in PROBLEMS {
        let said = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_owned(), said);
    }
    let name = route.path.trim_start_matches("/api/v1/").replace(['/', '-'], "_");
    let mut operation = json!({
        "operationId": name,
        "summary": route.summary,
        "responses": responses,
        "security": match route.needs {
            Needs::Nobody => json!([]),
            Needs::Permission(_) | Needs::SignedIn | Needs::Enrolling => json!([{ "session": [] }]),
        },
    });
    if let Needs::Permission(permission) = route.needs {
        operation["x-permission"] = json!(permission.name());
        operation["x-fresh-sign-in"] = json!(route.fresh);
    }
    if let Some(schema) = &route.query {
        operation["parameters"] = parameters(inline(schema.as_value().clone()));
    }
    if let Some(schema) = &route.request {
        let schema = inline(schema.as_value().clone());
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// The members of a query, each as a parameter.
fn parameters(schema: Value) -> Value {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, of): (&String, &Value)| json!({ "name": name, "in": "query", "required": required(name), "schema": of });
    properties.into_iter().flatten().map(parameter).collect()
}

/// A schema whose definitions lie in itself: references are replaced by what they mean.
fn inline(mut schema: Value) -> Value {
    let definitions = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("$defs")
    });
    if let Some(definitions) = definitions {
        replace(&mut schema, &definitions);
    }
    schema
}

fn replace(value: &mut Value, definitions: &Value) {
    let named = value.get("$ref").and_then(Value::as_str);
    let named = named.and_then(|name| name.strip_prefix("#/$defs/")).map(str::to_owned);
    if let Some(definition) = named.and_then(|name| definitions.get(name)) {
        *value = definition.clone();
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|one| replace(one, definitions)),
        Value::Array(items) => items.iter_mut().for_each(|one| replace(one, definitions)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn refusals() -> Map<String, Value> {
    let schema = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    let refusal = |(status, meaning): &(&str, &str)| {
        let content = json!({ "application/problem+json": schema });
        ((*status).to_owned(), json!({ "description": meaning, "content": content }))
    };
    PROBLEMS.iter().map(refusal).collect()
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "status", "code", "title"],
        "properties": {
            "type": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "Stable, for programs." },
            "title": { "type": "string" },
            "detail": { "type": ["string", "null"] },
            "hint": { "type": ["string", "null"] },
        },
    })
}
