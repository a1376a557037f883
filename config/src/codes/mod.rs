//! Every error code with its page, for `hilum explain CODE`.
//!
//! A code is stable: it is never reused for something else. To add one, write `CODE.md` beside this file (first line `# CODE: title`) and add
//! a line to [`CODES`].

/// One code and what there is to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `C....` for the configuration, `R....` for what happens to a message.
    pub code: &'static str,
    /// The page in Markdown; its first line is `# CODE: title`.
    pub page: &'static str,
}

impl Code {
    /// What is wrong, in a few words.
    pub fn title(&self) -> &'static str {
        let heading = self.page.lines().next().unwrap_or("");
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no code `{code}`{}", .nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default())]
pub struct UnknownCode {
    /// What was asked for.
    pub code: String,
    /// The code that was most likely meant.
    pub nearest: Option<&'static str>,
}

/// The page of a code, in whatever case it is written.
pub fn explain(code: &str) -> Result<&'static Code, UnknownCode> {
    let wanted = code.trim().to_ascii_uppercase();
    let found = CODES.iter().find(|known| known.code == wanted);
    found.ok_or_else(|| UnknownCode {
        code: code.to_owned(),
        nearest: crate::nearest(&wanted, CODES.iter().map(|known| known.code)),
    })
}

macro_rules! page {
    ($code:literal) => {
        Code { code: $code, page: include_str!(concat!($code, ".md")) }
    };
}

/// All codes, in order.
pub const CODES: &[Code] = &[
    page!("C0001"),
    page!("C0002"),
    page!("C0003"),
    page!("C0004"),
    page!("C0005"),
    page!("C0006"),
    page!("C0007"),
    page!("C0008"),
    page!("C0101"),
    page!("C0102"),
    page!("C0103"),
    page!("C0104"),
    page!("C0105"),
    page!("C0106"),
    page!("C0107"),
    page!("C0108"),
    page!("C0201"),
    page!("C0202"),
    page!("C0203"),
    page!("C0205"),
    page!("C0206"),
    page!("C0207"),
    page!("C0208"),
    page!("C0209"),
    page!("C0210"),
    page!("C0212"),
    page!("C0213"),
    page!("C0214"),
    page!("C0220"),
    page!("C0221"),
    page!("C0222"),
    page!("C0301"),
    page!("C0302"),
    page!("C0303"),
    page!("C0304"),
    page!("C0305"),
    page!("C0306"),
    page!("C0307"),
    page!("C0308"),
    page!("C0310"),
    page!("C0311"),
    page!("C0313"),
    page!("C0320"),
    page!("C0321"),
    page!("C0322"),
    page!("C0323"),
    page!("C0324"),
    page!("C0330"),
    page!("C0331"),
    page!("C0332"),
    page!("C0410"),
    page!("C0411"),
    page!("C0412"),
    page!("C0413"),
    page!("C0414"),
    page!("C0415"),
    page!("C0416"),
    page!("C0417"),
    page!("C0421"),
    page!("C0422"),
    page!("C0423"),
    page!("C0430"),
    page!("C0431"),
    page!("C0432"),
    page!("C0433"),
    page!("C0440"),
    page!("C0441"),
    page!("R0101"),
    page!("R0102"),
    page!("R0103"),
    page!("R0104"),
    page!("R0105"),
    page!("R0106"),
    page!("R0107"),
    page!("R0110"),
    page!("R0111"),
    page!("R0112"),
    page!("R0113"),
    page!("R0114"),
    page!("R0120"),
    page!("R0130"),
    page!("R0131"),
    page!("R0132"),
    page!("R0133"),
    page!("R0140"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_is_listed_once_and_in_order() {
        let listed: Vec<&str> = CODES.iter().map(|code| code.code).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/codes");
        let names = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let pages: BTreeSet<String> =
            names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
        assert_eq!(listed, pages.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_page_starts_with_its_code_and_says_more_than_its_title() {
        for code in CODES {
            assert!(code.page.starts_with(&format!("# {}: ", code.code)), "{}", code.code);
            assert!(!code.title().ends_with('.') && code.title().len() > 10, "{}", code.code);
            assert!(code.page.lines().skip(1).any(|line| line.len() > 40), "{}", code.code);
        }
    }

    #[test]
    fn a_code_is_explained_or_the_nearest_is_suggested() {
        assert_eq!(explain("c0207").unwrap().title(), "there is no such code table");
        assert_eq!(explain("C207").unwrap_err().nearest, Some("C0207"));
        assert_eq!(
            explain("C02O7").unwrap_err().to_string(),
            "there is no code `C02O7`; did you mean `C0207`?"
        );
        assert_eq!(explain("banana").unwrap_err().nearest, None);
    }
}
