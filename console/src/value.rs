//! Reading answers of the API: what is not there is empty.

use serde_json::Value;

/// Members of an object, by name.
pub trait Get {
    /// A text; empty when there is none.
    fn text(&self, name: &str) -> &str;
    /// A number; 0 when there is none.
    fn int(&self, name: &str) -> i64;
    /// A number that may not be there.
    fn maybe_int(&self, name: &str) -> Option<i64>;
    /// A number with a fraction that may not be there.
    fn maybe_real(&self, name: &str) -> Option<f64>;
    /// Whether it is true.
    fn flag(&self, name: &str) -> bool;
    /// A list; empty when there is none.
    fn list(&self, name: &str) -> &[Value];
    /// A member; null when there is none.
    fn member(&self, name: &str) -> &Value;
    /// The members of an object as pairs.
    fn pairs(&self, name: &str) -> Vec<(&str, &Value)>;
}

static NULL: Value = Value::Null;

impl Get for Value {
    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or("")
    }

    fn int(&self, name: &str) -> i64 {
        self.maybe_int(name).unwrap_or(0)
    }

    fn maybe_int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    fn maybe_real(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn member(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&NULL)
    }

    fn pairs(&self, name: &str) -> Vec<(&str, &Value)> {
        let members = self.get(name).and_then(Value::as_object);
        members
            .map(|all| all.iter().map(|(name, value)| (name.as_str(), value)).collect())
            .unwrap_or_default()
    }
}

/// The texts of a list.
pub fn texts(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(Value::as_str).collect()
}
