use crate::diagnostics::Diagnostics;
use crate::item::Item;
use crate::name::Name;
use crate::parse::parse_toml;
use std::collections::BTreeMap;

/// The variables of one environment, `vars/<environment>.toml`: what differs between test and production.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    path: String,
    exists: bool,
    values: BTreeMap<String, Item>,
}

impl Vars {
    /// An environment without a file; every use of a variable says so.
    pub fn none(path: impl Into<String>) -> Vars {
        Vars { path: path.into(), ..Vars::default() }
    }

    /// Reads a variables file: names with one text, number or truth value each.
    pub fn parse(path: &str, text: String, diags: &mut Diagnostics) -> Vars {
        let mut vars = Vars { path: path.to_owned(), exists: true, values: BTreeMap::new() };
        let Some(table) = parse_toml(diags, path, text) else { return vars };
        for (key, item) in table.entries {
            if Name::new(&key.value).is_err() {
                diags
                    .error("C0201", key.span, format!("`{}` is not a name", key.value))
                    .label(crate::NameError.to_string());
            }
            match item {
                Item::Text(_) | Item::Integer(..) | Item::Bool(..) => {}
                Item::Float(..) | Item::Datetime(..) | Item::List(..) | Item::Table(_) => {
                    diags
                        .error(
                            "C0104",
                            item.span(),
                            format!("variable `{}` cannot be {}", key.value, item.kind()),
                        )
                        .label("expected a text, a whole number or a truth value");
                }
            }
            vars.values.insert(key.value, item);
        }
        vars
    }

    /// The value of a variable, pointing into the variables file.
    pub fn get(&self, name: &str) -> Option<&Item> {
        self.values.get(name)
    }

    /// The names that exist.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The file, relative to the site.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Was there a file?
    pub fn exists(&self) -> bool {
        self.exists
    }
}
