//! Fields of a form as a request of a route, by the shape that the route takes.

use console_api::{Desk, Refusal};
use serde_json::{Map, Number, Value, json};

/// Fields as a browser sends them, in their order.
pub type Fields = Vec<(String, String)>;

/// The first field of this name; empty when there is none.
pub fn one<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value.as_str())
}

/// Reads what was sent.
pub fn read(bytes: &[u8]) -> Fields {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// The request that fields make. Members that the route does not take are none of it; an empty field is left out.
pub fn request(desk: &Desk, route: &str, fields: &Fields) -> Result<Value, Refusal> {
    let Some(shape) = desk.shape(route) else { return Ok(Value::Null) };
    let members = shape.get("properties").and_then(Value::as_object);
    let mut request = Map::new();
    for (name, of) in members.into_iter().flatten() {
        let sent = fields.iter().filter(|(one, value)| one == name && !value.is_empty());
        let sent: Vec<&str> = sent.map(|(_, value)| value.as_str()).collect();
        if let Some(value) = member(name, of, &sent)? {
            request.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(request))
}

fn member(name: &str, of: &Value, sent: &[&str]) -> Result<Option<Value>, Refusal> {
    let is = |kind: &str| match of.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        _ => false,
    };
    if is("array") {
        let objects = of
            .pointer("/items/$ref")
            .is_some_and(|of| of.as_str().is_some_and(|of| of.ends_with("/Given")));
        let items: Vec<Value> = match objects {
            true => sent.iter().map(|text| grant(text)).collect(),
            false => sent
                .iter()
                .flat_map(|text| text.split(['\n', ',', ' ']))
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(|text| json!(text))
                .collect(),
        };
        return Ok(Some(Value::Array(items)).filter(|_| !sent.is_empty()));
    }
    let Some(first) = sent.first() else { return Ok(None) };
    if is("boolean") {
        return Ok(Some(json!(["on", "true", "1", "yes"].contains(first))));
    }
    if is("integer") {
        let number: i64 = first.trim().parse().map_err(|_| no_number(name, first))?;
        return Ok(Some(Value::Number(Number::from(number))));
    }
    // A message as it is typed or pasted.
    let is_message =
        of.get("$ref").and_then(Value::as_str).is_some_and(|of| of.ends_with("/Given"));
    Ok(Some(if is_message { json!({ "text": first }) } else { json!(first) }))
}

/// `operator` for every channel, `operator:adt,lab` for some.
fn grant(text: &str) -> Value {
    match text.split_once(':') {
        Some((role, channels)) => {
            let channels: Vec<&str> =
                channels.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
            json!({ "role": role.trim(), "channels": channels })
        }
        None => json!({ "role": text.trim() }),
    }
}

fn no_number(name: &str, text: &str) -> Refusal {
    Refusal {
        status: 422,
        code: "invalid".to_owned(),
        title: format!("`{text}` in the field `{name}` is no whole number"),
        detail: None,
        hint: Some("write it in digits, such as 25".to_owned()),
    }
}
