use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::profile::Profile;
use crate::rules::{Found, Rules};
use crate::work::{Stop, Work};
use config::{Choice, Field, Kind, Section, Value};

pub(super) const DECL: StepDecl = StepDecl {
    name: "validate",
    doc: "Looks whether a message is as the standard and the site want it.\n\nThe list names rules of the standard, by the version that \
          MSH-12 says; `warn` names rules whose violations are only noted in the trace. Segments of a site's own may stand anywhere. A \
          profile holds the site's own rules, place by place. A message that breaks a rule fails; what is said of it names places and never \
          values.",
    fields: &[
        Field::required("validate", "The rules that messages must keep.", RULES),
        Field::optional("warn", "The rules whose violations are noted, and no more.", RULES)
            .examples(&["[\"length\", \"table\"]"]),
        Field::optional(
            "profile",
            "A file with the site's own rules, below the folder `channels/`.",
            Kind::Text,
        )
        .examples(&["\"adt/profile.toml\""]),
    ],
    examples: &[
        "{ validate = [\"structure\", \"required\"] }",
        "{ validate = [\"required\", \"type\"], warn = [\"length\", \"table\"] }",
    ],
    compile,
};

const RULES: Kind = Kind::List(&Kind::Choice(&[
    Choice {
        name: "structure",
        doc: "Segments stand in the order and number that the message structure has.",
    },
    Choice { name: "required", doc: "What is required is there." },
    Choice { name: "repetition", doc: "What may be there once is there once." },
    Choice {
        name: "length",
        doc: "No value is longer than its field may be, where that is known.",
    },
    Choice { name: "type", doc: "Numbers are numbers, dates are dates." },
    Choice { name: "table", doc: "Codes of HL7's own tables are in them." },
]));

struct Validate {
    fail: Rules,
    warn: Rules,
    profile: Option<Profile>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let rules = |key: &str| Rules::named(section.list(key).iter().filter_map(Value::choice));
    let profile = match section.text("profile") {
        None => None,
        Some(text) => Some(Profile::compile(text, compiler)?),
    };
    Some(Box::new(Validate { fail: rules("validate"), warn: rules("warn"), profile }))
}

impl Action for Validate {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let mut broken = self.fail.look(work.message());
        let mut noted = self.warn.look(work.message());
        if let Some(profile) = &self.profile {
            for (found, warns) in profile.look(work)? {
                if warns { noted.push(found) } else { broken.push(found) }
            }
        }
        let said = |all: &[Found]| all.iter().map(|found| found.text.clone()).collect::<Vec<_>>();
        work.say(said(&noted));
        work.say(said(&broken));
        let Some(first) = broken.first() else { return Ok(()) };
        let more = match broken.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Err(Fault::new("R0140", format!("{}{more}", first.text)).into())
    }

    fn may_touch(&self, _: &Place) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, refused_with, run, run_with};

    fn told(rules: &str, segments: &str) -> String {
        let step = format!("{{ validate = [{rules}] }}, {{ insert = \"ZOK\" }}");
        run(&step, segments).trim_end_matches("\nZOK").to_owned()
    }

    #[test]
    fn the_standard_is_kept() {
        let whole = "EVN|A01|20260131\rPID|1||7^^^H^MR||DOE^JOHN\rPV1|1|I";
        assert_eq!(told(r#""structure", "required""#, whole), whole.replace('\r', "\n"));
        assert_eq!(
            told(r#""structure""#, "EVN|A01|20260131\rPV1|1|I"),
            "failed R0140 transform 1: PID (Patient Identification) is required and missing"
        );
        assert_eq!(
            told(r#""structure""#, "EVN||20260131\rPID|1\rPV1|1|I\rEVN|A02"),
            "failed R0140 transform 1: EVN (Event Type) may not stand here"
        );
        assert_eq!(
            told(r#""required""#, "EVN||20260131\rPID|1||||\rPV1|1|"),
            "failed R0140 transform 1: PID-3 (Patient Identifier List) is required and empty, and 2 more"
        );
        assert_eq!(
            told(r#""repetition""#, "PID|1||7|||||F~M"),
            "failed R0140 transform 1: PID-8 (Administrative Sex) is there 2 times and may be there once"
        );
        assert_eq!(
            told(r#""length""#, "PID|1||7|||||FEMALE"),
            "failed R0140 transform 1: PID-8 (Administrative Sex) has 6 characters and may have 1"
        );
        assert_eq!(
            told(r#""type""#, "PID|x||7||||1.1.70"),
            "failed R0140 transform 1: PID-1 (Set ID - PID) is not of the form of `SI`, and 1 more"
        );
        assert_eq!(
            told(r#""table""#, "PID|1||7^^^H^QQ"),
            "failed R0140 transform 1: PID-3.5 (Identifier Type Code) is not in table 0203 (Identifier type)"
        );
    }

    #[test]
    fn what_is_only_noted_lets_the_message_pass() {
        let step =
            r#"{ validate = [], warn = ["required", "structure"] }, { set = 'PID-1', to = "9" }"#;
        assert_eq!(run(step, "PID|1"), "PID|9");
    }

    #[test]
    fn a_profile_is_the_sites_own() {
        let profile = "[[field]]\npath = 'PID-3.1'\nrequired = true\nlength = 4\npattern = '^[0-9]+$'\n\
                       [[field]]\npath = 'PV1-2'\ntable = \"class\"\n[[field]]\npath = 'OBX[*]-11'\nrequired = true\nlevel = \"warn\"\n\
                       [[segment]]\nname = \"ZPI\"\nrequired = true\nfields = [\"Number\", \"Reason\"]\n";
        let told = |segments: &str| {
            let step = r#"{ validate = [], profile = "adt/p.toml" }, { insert = "ZOK" }"#;
            let told = run_with(&[("adt/p.toml", profile)], step, segments);
            told.trim_end_matches("\nZOK").to_owned()
        };
        assert_eq!(told("PID|1||77\rPV1|1|IN\rZPI|1\rOBX|1"), "PID|1||77\nPV1|1|IN\nZPI|1\nOBX|1");
        assert_eq!(
            told("PID|1||\rPV1|1|IN\rZPI|1"),
            "failed R0140 transform 1: PID-3.1 is required and empty"
        );
        assert_eq!(
            told("PID|1||12345x\rPV1|1|XX"),
            "failed R0140 transform 1: PID-3.1 has 6 characters and may have 4, and 3 more"
        );
        assert_eq!(
            told("PID|1||7\rPV1|1|IN"),
            "failed R0140 transform 1: ZPI is required and missing"
        );
        let odd = "[[field]]\npath = 'PID.3'\npattern = '('\ntable = \"clas\"\n[[segment]]\nname = \"zpi\"\n";
        let step = r#"{ validate = [], profile = "adt/p.toml" }"#;
        assert_eq!(
            refused_with(&[("adt/p.toml", odd)], step),
            [
                "C0202 `PID.3` is not a field path",
                "C0307 this regular expression cannot be used",
                "C0207 unknown code table `clas`",
                "C0322 `zpi` is not the name of a segment"
            ]
        );
        assert_eq!(refused(step), ["C0214 there is no profile `adt/p.toml`"]);
    }

    #[test]
    fn a_field_that_no_version_has_is_pointed_out() {
        assert_eq!(refused("{ trim = 'PID-47' }"), ["C0203 PID has no field 47"]);
        assert_eq!(refused("{ keep = 'PV1-99 = \"x\"' }"), ["C0203 PV1 has no field 99"]);
        assert_eq!(refused("{ set = 'PID-5', to = \"{MSH-80}\" }"), ["C0203 MSH has no field 80"]);
        assert_eq!(refused("{ trim = 'ZPI-47' }"), ["accepted"]);
    }
}
