//! OBX-5: what is in it depends on OBX-2.

use crate::kind::{Kind, Leaf};
use crate::part::Group;

/// LOINC codes of ages in years: reported, calculated, estimated, and "age".
const AGES: &[&str] = &["21612-7", "29553-5", "21611-9", "30525-0"];

/// LOINC codes of postal codes.
const POSTAL_CODES: &[&str] = &["45401-7"];

/// What OBX-2 and OBX-3 say about OBX-5.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct ValueType {
    /// OBX-2.
    name: String,
    is_age: bool,
    is_postal_code: bool,
}

impl ValueType {
    /// By the type and the code of the observation.
    pub(crate) fn new(name: &str, code: &str) -> ValueType {
        ValueType {
            name: name.trim().to_uppercase(),
            is_age: AGES.contains(&code.trim()),
            is_postal_code: POSTAL_CODES.contains(&code.trim()),
        }
    }

    /// What becomes of a component of the value.
    pub(crate) fn leaf(&self, component: usize, subcomponent: usize, group: &Group<'_>) -> Leaf {
        let kind = match self.name.as_str() {
            "NM" | "ST" if self.is_age => return Leaf::Age,
            "NM" | "ST" if self.is_postal_code => return Leaf::Postal(6),
            "NM" => return Leaf::Number,
            "IS" | "ID" => return Leaf::Code,
            "SN" | "NR" | "TM" | "CQ" | "MO" | "CP" | "NA" | "MA" | "CD" | "SI" => Kind::Keep,
            "CE" | "CWE" | "CNE" | "CF" => Kind::Loose,
            "TX" | "FT" => Kind::Text,
            "DT" | "DTM" | "TS" => Kind::Date,
            "DR" => Kind::Range,
            "TQ" => Kind::Timing,
            "XPN" | "PN" => Kind::Name,
            "XCN" | "CN" => Kind::Person,
            "PPN" => Kind::Performer,
            "XON" => Kind::Org,
            "XAD" | "AD" => Kind::Address,
            "XTN" | "TN" => Kind::Contact,
            "CX" | "CK" => Kind::Ids,
            "EI" => Kind::Entity,
            "EIP" => Kind::Pair,
            "PL" => Kind::Place,
            "ED" => Kind::Data,
            "RP" => Kind::Pointer,
            _ => Kind::Value,
        };
        kind.leaf(component, subcomponent, group)
    }
}
