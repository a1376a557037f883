//! What a field holds, and what that makes of each of its components.
//!
//! The letters in brackets are those of 45 CFR 164.514(b)(2)(i): A names, B places, C dates and ages, D telephone,
//! E fax, F e-mail, G social security, H record numbers, I health plan numbers, J accounts, K licences, L vehicles,
//! M devices, N URLs, O network addresses, P biometric data, Q pictures, R any other unique number.

use crate::part::Group;

/// What a field holds: the words of `segments.txt`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Codes, quantities and numbers of the protocol.
    Keep,
    /// Not known, or of no use without the person.
    Clear,
    /// CE, CWE, CNE whose codes come from a catalogue.
    Coded,
    /// CE, CWE, CNE into which people type.
    Loose,
    /// CE, CWE whose code names a person or thing (A, R).
    Key,
    /// A number of its own (G to M, R).
    Id,
    /// Fields that sites use as they like: numbers (R), else text.
    Filler,
    /// CX, CK (G, H, I, J, R).
    Ids,
    /// EI (H, M, R).
    Entity,
    /// EIP (H, R).
    Pair,
    /// XPN, PN (A).
    Name,
    /// XCN, CN (A, K).
    Person,
    /// PPN (A, C, K).
    Performer,
    /// NDL, or a CN in its place (A, C, K).
    Observer,
    /// XON, or the name of an organisation to which the person belongs (A, R).
    Org,
    /// XON of one that treats, pays or sends: other names of it are in the header, for routing.
    Facility,
    /// HD of a network address (O).
    Network,
    /// XAD, AD (B).
    Address,
    /// XAD of one that treats, pays or sends.
    SiteAddress,
    /// A town (B).
    Locality,
    /// PL (B).
    Place,
    /// LA1, LA2 (B).
    PlaceAddress,
    /// XTN, TN (D, E, F, N, O).
    Contact,
    /// TS, DTM, DT (C).
    Date,
    /// DR (C).
    Range,
    /// TQ (C).
    Timing,
    /// A code with a date behind it: FC, DLD, OCD, OSP, CCD, PIP, SPD (C).
    DatedCode,
    /// DIN (B, C).
    DatedPlace,
    /// DLN, PLN (K).
    Licence,
    /// JCC.
    Job,
    /// AUI (C, I).
    Authorisation,
    /// SPS.
    Specimen,
    /// PRL.
    Parent,
    /// Free text: anything may be in it.
    Text,
    /// OBX-5, whose type is in OBX-2 (P and Q among them).
    Value,
    /// ED (P, Q).
    Data,
    /// RP (N, Q).
    Pointer,
    /// Values that are searched for.
    Query,
}

/// What becomes of one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaf {
    /// It stays.
    Keep,
    /// It goes.
    Clear,
    /// Another number of the same shape.
    Id,
    /// Another family name.
    Family,
    /// Another given name.
    Given,
    /// Stays when it names nobody.
    Title,
    /// Another organisation.
    Org,
    /// Another street.
    Street,
    /// Another town.
    City,
    /// A code stays.
    State,
    /// Three digits at most; the country is in the component of this number.
    Postal(usize),
    /// Another telephone number or address.
    Contact,
    /// The date moves.
    Date,
    /// The date moves; what is none stays.
    DateIfAny,
    /// The date moves; what is none is a name.
    DateOrName,
    /// A code without a system: stays when it looks like one.
    Code,
    /// A short result: stays when it is a number or a word of results.
    Result,
    /// A number; a long one may be somebody's.
    Number,
    /// An age in years.
    Age,
    /// Free text, by the rule for texts.
    Text,
    /// Free text without what is known and what looks like a number or date.
    Scrub,
    /// Encapsulated data.
    Data,
    /// Where a document lies.
    Pointer,
}

/// The words of `segments.txt`.
const WORDS: &[(&str, Kind)] = &[
    ("keep", Kind::Keep),
    ("clear", Kind::Clear),
    ("coded", Kind::Coded),
    ("loose", Kind::Loose),
    ("key", Kind::Key),
    ("id", Kind::Id),
    ("filler", Kind::Filler),
    ("ids", Kind::Ids),
    ("entity", Kind::Entity),
    ("pair", Kind::Pair),
    ("name", Kind::Name),
    ("person", Kind::Person),
    ("performer", Kind::Performer),
    ("observer", Kind::Observer),
    ("org", Kind::Org),
    ("facility", Kind::Facility),
    ("network", Kind::Network),
    ("siteaddress", Kind::SiteAddress),
    ("address", Kind::Address),
    ("locality", Kind::Locality),
    ("place", Kind::Place),
    ("placeaddress", Kind::PlaceAddress),
    ("contact", Kind::Contact),
    ("date", Kind::Date),
    ("range", Kind::Range),
    ("timing", Kind::Timing),
    ("datedcode", Kind::DatedCode),
    ("datedplace", Kind::DatedPlace),
    ("licence", Kind::Licence),
    ("job", Kind::Job),
    ("authorisation", Kind::Authorisation),
    ("specimen", Kind::Specimen),
    ("parent", Kind::Parent),
    ("text", Kind::Text),
    ("value", Kind::Value),
    ("data", Kind::Data),
    ("query", Kind::Query),
];

impl Kind {
    /// The kind that a word of the table means.
    pub(crate) fn of(word: &str) -> Option<Kind> {
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// Whether the values of such a field are looked for in the rest of the message. What is known of an organisation
    /// that treats or pays is no identifier of the person, and routing needs its other names; a room is one among many.
    pub(crate) fn is_searched(self) -> bool {
        !matches!(self, Kind::Facility | Kind::SiteAddress | Kind::Network | Kind::Place)
    }

    /// What becomes of a component (from 1) and its subcomponent (from 1) in a field of this kind.
    pub(crate) fn leaf(self, component: usize, subcomponent: usize, group: &Group<'_>) -> Leaf {
        match self {
            Kind::Keep => Leaf::Keep,
            Kind::Clear | Kind::Query => Leaf::Clear,
            Kind::Coded => coded(component),
            Kind::Loose => loose(component, group),
            Kind::Key => key(component),
            Kind::Id => Leaf::Id,
            Kind::Filler => filler(&group.text(component)),
            Kind::Ids => ids(component),
            // Some senders repeat the number where its authority belongs.
            Kind::Entity if component == 2 && group.text(2) == group.text(1) => Leaf::Id,
            Kind::Entity => entity(component, subcomponent),
            Kind::Pair => pair(component, subcomponent, group),
            Kind::Name => name(component),
            Kind::Person => person(component),
            Kind::Performer => performer(component),
            Kind::Observer => observer(component, subcomponent, group),
            Kind::Org | Kind::Facility => org(component),
            Kind::Network => until(component, 2, Leaf::Contact, Leaf::Keep),
            Kind::Address | Kind::SiteAddress => address(component, subcomponent),
            Kind::Locality => Leaf::City,
            Kind::Place => place(component, subcomponent),
            Kind::PlaceAddress => place_address(component, subcomponent, group),
            Kind::Contact => contact(component, subcomponent),
            Kind::Date | Kind::Range => Leaf::Date,
            Kind::Timing => timing(component, subcomponent),
            Kind::DatedCode => until(component, 1, Leaf::Keep, Leaf::DateIfAny),
            Kind::DatedPlace => until(component, 1, Leaf::Date, Leaf::Org),
            Kind::Licence => licence(component),
            Kind::Job => until(component, 2, Leaf::Keep, Leaf::Text),
            Kind::Authorisation => authorisation(component),
            Kind::Specimen => specimen(component, group),
            Kind::Parent => until(component, 2, Leaf::Keep, Leaf::Result),
            Kind::Text => Leaf::Text,
            Kind::Value => Leaf::Result,
            Kind::Data => data(component),
            Kind::Pointer => until(component, 1, Leaf::Pointer, Leaf::Keep),
        }
    }
}

/// One thing up to a component, another one behind it.
fn until(component: usize, last: usize, before: Leaf, behind: Leaf) -> Leaf {
    if component <= last { before } else { behind }
}

fn coded(component: usize) -> Leaf {
    // What was typed before it was coded.
    if component == 9 { Leaf::Text } else { Leaf::Keep }
}

/// Coding systems of towns and counties (USGS, FIPS 55-3 and 6-4, HL7 table 0289): codes that are places (B).
const PLACES: &[&str] =
    &["USGSGNIS", "GNIS", "FIPS55", "FIPS55_3", "FIPS6_4", "FIPS6-4", "HL70289"];

/// A code stays with its text when it says which system it is from; without, both may have been typed.
fn loose(component: usize, group: &Group<'_>) -> Leaf {
    let from = |system: usize, coded_place: Leaf, typed: Leaf| match group.text(system).trim() {
        "" => typed,
        name if PLACES.contains(&name.to_uppercase().as_str()) => coded_place,
        _ => Leaf::Keep,
    };
    match component {
        1 => from(3, Leaf::Id, Leaf::Code),
        2 => from(3, Leaf::City, Leaf::Result),
        4 => from(6, Leaf::Id, Leaf::Code),
        5 => from(6, Leaf::City, Leaf::Result),
        9 => Leaf::Text,
        10 => from(12, Leaf::Id, Leaf::Code),
        11 => from(12, Leaf::City, Leaf::Result),
        _ => Leaf::Keep,
    }
}

fn filler(text: &str) -> Leaf {
    let number =
        text.contains(|letter: char| letter.is_ascii_digit()) && !text.trim().contains(' ');
    if number { Leaf::Id } else { Leaf::Text }
}

fn key(component: usize) -> Leaf {
    match component {
        1 | 4 | 10 => Leaf::Id,
        2 | 5 | 9 | 11 => Leaf::Text,
        _ => Leaf::Keep,
    }
}

fn ids(component: usize) -> Leaf {
    match component {
        1 | 2 | 11 => Leaf::Id,
        3..=6 | 9 | 10 | 12 => Leaf::Keep,
        7 | 8 => Leaf::Date,
        _ => Leaf::Clear,
    }
}

fn entity(component: usize, subcomponent: usize) -> Leaf {
    if component == 1 && subcomponent == 1 { Leaf::Id } else { Leaf::Keep }
}

/// EIP, or an EI in its place: what follows its number is an authority, which has a universal id behind it or no digits.
fn pair(component: usize, subcomponent: usize, group: &Group<'_>) -> Leaf {
    let second = group.text(2);
    let authority = group.has(3) || !second.contains(|letter: char| letter.is_ascii_digit());
    match (component, subcomponent) {
        (1, 1) => Leaf::Id,
        (2, 1) if group.is_divided(2) || group.is_divided(1) || !authority => Leaf::Id,
        _ => Leaf::Keep,
    }
}

fn name(component: usize) -> Leaf {
    match component {
        1 => Leaf::Family,
        2 | 3 | 15 => Leaf::Given,
        4..=6 | 14 => Leaf::Title,
        7..=9 | 11 => Leaf::Keep,
        10 | 12 | 13 => Leaf::Date,
        _ => Leaf::Clear,
    }
}

fn person(component: usize) -> Leaf {
    match component {
        1 | 11 | 24 => Leaf::Id,
        2 => Leaf::Family,
        3 | 4 => Leaf::Given,
        5..=7 | 21 => Leaf::Title,
        8..=10 | 12..=16 | 18 | 22 | 23 | 25 => Leaf::Keep,
        17 | 19 | 20 => Leaf::Date,
        _ => Leaf::Clear,
    }
}

/// As XCN, with the time of the act at 15.
fn performer(component: usize) -> Leaf {
    match component {
        15 => Leaf::Date,
        16.. => person(component - 1),
        _ => person(component),
    }
}

/// NDL holds the person in the subcomponents of its first component; HL7 2.1 and 2.2 had a CN, and some still send one.
fn observer(component: usize, subcomponent: usize, group: &Group<'_>) -> Leaf {
    let flat = !group.is_divided(1) && group.has(2) && !group.is_date(2);
    match (component, flat) {
        (_, true) => person(component),
        (1, false) if subcomponent <= 8 => person(subcomponent),
        (2 | 3, false) => Leaf::DateOrName,
        (5 | 6, false) => Leaf::Id,
        (_, false) => Leaf::Keep,
    }
}

fn org(component: usize) -> Leaf {
    match component {
        1 => Leaf::Org,
        3 | 4 | 10 => Leaf::Id,
        2 | 5..=9 => Leaf::Keep,
        _ => Leaf::Clear,
    }
}

fn address(component: usize, subcomponent: usize) -> Leaf {
    match component {
        1 if subcomponent == 3 => Leaf::Id,
        1 | 2 => Leaf::Street,
        3 => Leaf::City,
        4 => Leaf::State,
        5 => Leaf::Postal(6),
        6 | 7 | 11 | 15..=18 | 21 | 22 => Leaf::Keep,
        12..=14 => Leaf::Date,
        19 => Leaf::Family,
        20 => Leaf::Text,
        23 => entity(1, subcomponent),
        _ => Leaf::Clear,
    }
}

/// Where somebody is in the house; its point of care and building say no more than the sender does.
fn place(component: usize, subcomponent: usize) -> Leaf {
    match component {
        2 | 3 => Leaf::Id,
        9 => Leaf::Text,
        10 => entity(1, subcomponent),
        _ => Leaf::Keep,
    }
}

fn place_address(component: usize, subcomponent: usize, group: &Group<'_>) -> Leaf {
    match component {
        9 if group.is_divided(9) => address(subcomponent, 1),
        9 | 10 => Leaf::Street,
        11 => Leaf::City,
        12 => Leaf::State,
        13 => Leaf::Postal(14),
        14 | 15 => Leaf::Keep,
        16.. => Leaf::Clear,
        _ => place(component, subcomponent),
    }
}

fn contact(component: usize, subcomponent: usize) -> Leaf {
    match component {
        1 | 4 | 6..=8 | 11 | 12 => Leaf::Contact,
        2 | 3 | 5 | 10 | 15 | 16 | 18 => Leaf::Keep,
        9 => Leaf::Text,
        13 | 14 => Leaf::Date,
        17 => entity(1, subcomponent),
        _ => Leaf::Clear,
    }
}

fn timing(component: usize, subcomponent: usize) -> Leaf {
    match (component, subcomponent) {
        (4 | 5, _) => Leaf::Date,
        (7 | 8, _) => Leaf::Text,
        // OSD: the numbers of the orders that this one waits for.
        (10, 2 | 4) => Leaf::Id,
        _ => Leaf::Keep,
    }
}

fn licence(component: usize) -> Leaf {
    match component {
        1 => Leaf::Id,
        2 => Leaf::Keep,
        3 => Leaf::DateIfAny,
        4 => Leaf::Date,
        _ => Leaf::Clear,
    }
}

fn authorisation(component: usize) -> Leaf {
    match component {
        1 => Leaf::Id,
        2 => Leaf::Date,
        _ => Leaf::Text,
    }
}

fn specimen(component: usize, group: &Group<'_>) -> Leaf {
    match component {
        2 if group.is_divided(2) => Leaf::Keep,
        2 | 3 => Leaf::Result,
        _ => Leaf::Keep,
    }
}

fn data(component: usize) -> Leaf {
    match component {
        1..=4 => Leaf::Keep,
        5 => Leaf::Data,
        _ => Leaf::Clear,
    }
}
