//! Invented names: chosen by the key and the name, so that one person keeps one name.

use crate::{cipher, key::Key};

const FAMILY_STARTS: &[&str] = &[
    "Ald", "Barn", "Corv", "Dell", "Eber", "Farn", "Gald", "Hest", "Ild", "Jarn", "Keld", "Lund",
    "Marl", "Norv", "Oster", "Pell", "Quill", "Rund", "Sorv", "Tarn", "Ulv", "Vand", "Wend",
    "Yarl",
];
const FAMILY_ENDS: &[&str] = &[
    "ane", "bey", "cote", "dale", "emond", "feld", "gate", "holm", "ick", "juna", "kin", "low",
    "mark", "nell", "ova", "pond", "quist", "rell", "stad", "tree", "uren", "vik", "wyn", "zet",
];
const GIVEN: &[&str] = &[
    "Abeni", "Alvo", "Amrit", "Anouk", "Arvid", "Aziza", "Bao", "Basil", "Beata", "Calla", "Cyril",
    "Dagny", "Darya", "Edda", "Elio", "Emeka", "Esme", "Farah", "Fenna", "Fyodor", "Gita", "Goran",
    "Hadiya", "Henk", "Ilse", "Imre", "Indra", "Isko", "Jorun", "Juna", "Kaito", "Katya", "Kofi",
    "Lamar", "Leif", "Linnea", "Malik", "Mirel", "Nadir", "Naoko", "Odile", "Oskar", "Petra",
    "Pilar", "Quinn", "Rafi", "Ravn", "Runa", "Sanna", "Selim", "Signe", "Tamsin", "Taro", "Tove",
    "Umar", "Ursa", "Vesna", "Viggo", "Wanda", "Wim", "Xenia", "Yael", "Yusuf", "Zora",
];
const PLACES: &[&str] = &[
    "Ashmere",
    "Birchgate",
    "Coldwater",
    "Dunhollow",
    "Eastmarsh",
    "Fernlea",
    "Greywick",
    "Highmoor",
    "Inverlake",
    "Juniper",
    "Kestrel",
    "Longmere",
    "Millbeck",
    "Netherby",
    "Oakhaven",
    "Pinecrest",
    "Quarry",
    "Redfern",
    "Stonebridge",
    "Thornby",
    "Upfield",
    "Vinehill",
    "Westmere",
    "Yewdale",
];
const WORKS: &[&str] = &["Group", "Works", "Company", "Partners", "Services", "Institute"];
const WAYS: &[&str] = &["Street", "Road", "Lane", "Avenue"];

/// What stands before or after a name and names nobody.
const TITLES: &[&str] = &[
    "JR", "SR", "I", "II", "III", "IV", "V", "MR", "MRS", "MS", "MISS", "MX", "DR", "PROF", "SIR",
    "REV", "HERR", "FRAU", "MME", "MD", "DO", "RN", "LPN", "NP", "PA", "PHD", "PHARMD", "RPH",
    "DDS", "DMD", "DPM", "DVM", "MBBS", "CNM", "CRNA", "MSN", "BSN", "MT", "RPHT", "BA", "BS",
    "MA", "MS", "MBA", "MPH", "AE", "AS", "BSC", "MSC", "DNP", "FNP", "OD", "DC", "PT", "OT",
    "MED", "FACP", "ESQ", "CER", "DIP",
];

/// A family name.
pub(crate) fn family(key: &Key, text: &str) -> String {
    chosen(key, "family name", text, FAMILY_STARTS.len() * FAMILY_ENDS.len(), |number| {
        format!(
            "{}{}",
            word(FAMILY_STARTS, number / FAMILY_ENDS.len()),
            word(FAMILY_ENDS, number % FAMILY_ENDS.len())
        )
    })
}

/// A given name.
pub(crate) fn given(key: &Key, text: &str) -> String {
    chosen(key, "given name", text, GIVEN.len(), |number| word(GIVEN, number).to_owned())
}

/// An organisation.
pub(crate) fn organisation(key: &Key, text: &str) -> String {
    chosen(key, "organisation", text, PLACES.len() * WORKS.len(), |number| {
        format!("{} {}", word(PLACES, number / WORKS.len()), word(WORKS, number % WORKS.len()))
    })
}

/// A town.
pub(crate) fn city(key: &Key, text: &str) -> String {
    chosen(key, "city", text, PLACES.len(), |number| word(PLACES, number).to_owned())
}

/// A house in a street.
pub(crate) fn street(key: &Key, text: &str) -> String {
    chosen(key, "street", text, 900 * PLACES.len() * WAYS.len(), |number| {
        let (house, way) = (100 + number % 900, number / 900);
        format!("{house} {} {}", word(PLACES, way / WAYS.len()), word(WAYS, way % WAYS.len()))
    })
}

/// Whether a prefix, suffix or degree is one that names nobody.
pub(crate) fn is_title(text: &str) -> bool {
    let bare = text.replace(['.', ',', ' '], "").to_ascii_uppercase();
    TITLES.contains(&bare.as_str())
}

fn word(words: &'static [&'static str], at: usize) -> &'static str {
    words.get(at % words.len().max(1)).copied().unwrap_or_default()
}

/// One of `count`, in the case of the original and never the original itself. A single letter stays one.
fn chosen(
    key: &Key,
    purpose: &str,
    text: &str,
    count: usize,
    name: impl Fn(usize) -> String,
) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric()).count();
    if letters == 0 {
        return text.to_owned();
    }
    if letters == 1 {
        return cipher::replace(key, text);
    }
    let plain = text.trim().to_lowercase();
    let number = key.number(purpose, &[plain.as_bytes()], count);
    let first = name(number);
    let made = match first.to_lowercase() == plain {
        true => name((number + 1) % count.max(1)),
        false => first,
    };
    let cased = |upper: bool| {
        text.chars().any(|letter| letter.is_alphabetic() && letter.is_uppercase() == upper)
    };
    match (cased(true), cased(false)) {
        (true, false) => made.to_uppercase(),
        (false, true) => made.to_lowercase(),
        _ => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::from_bytes(b"a key that is no secret").unwrap()
    }

    #[test]
    fn one_person_has_one_name_in_every_spelling() {
        let key = key();
        assert_eq!(family(&key, "DOE"), family(&key, "Doe").to_uppercase());
        assert_eq!(family(&key, " doe"), family(&key, "doe"));
        assert_ne!(family(&key, "DOE"), family(&key, "ROE"));
        assert!(given(&key, "Q.").ends_with('.') && given(&key, "Q.") != "Q.");
        assert_eq!(given(&key, "-"), "-");
    }

    #[test]
    fn nobody_gets_the_own_name() {
        let key = key();
        for name in GIVEN {
            assert_ne!(&given(&key, name), name);
        }
        for place in PLACES {
            assert_ne!(&city(&key, place), place);
        }
    }

    #[test]
    fn titles_are_known_by_their_letters() {
        assert!(is_title("M.D.") && is_title("Jr") && is_title("iii"));
        assert!(!is_title("Smith") && !is_title(""));
    }
}
