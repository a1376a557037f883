use super::admission::Rejection;
use super::settings::{AckMode, AckPolicy, AckSettings, NotStored, Otherwise, Unwanted};
use hl7::{AckCode, Location, Peek, Severity};

/// What is known of a message at the moment its sender could be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// Refused by [`admit`](super::admit), and recorded.
    Rejected(&'a Rejection),
    /// An answer to one of our own messages.
    Acknowledgement,
    /// On disk; the program has not finished within its budget.
    Undecided,
    /// On disk, and at least one destination gets it.
    Routed,
    /// A filter stopped it.
    Filtered,
    /// No destination wants it.
    Unrouted,
    /// The program failed, or a destination's own steps; with the words that the sender may be told.
    Failed(&'a str),
    /// Every destination that is waited for has it.
    Delivered,
    /// A destination that is waited for will not get it, or the deadline has passed.
    NotDelivered,
    /// The sender has sent this before, and this is what it was answered.
    Repeated(AckCode),
    /// Its control id has come before with another body, and the source refuses that.
    SameId,
    /// It could not be made durable.
    NotStored,
}

/// What the sender wants to be answered: MSH-15 and MSH-16 as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes<'a> {
    /// MSH-15, accept acknowledgment type.
    pub accept: &'a [u8],
    /// MSH-16, application acknowledgment type.
    pub application: &'a [u8],
}

impl<'a> Wishes<'a> {
    /// Reads them from a header.
    pub fn of(bytes: &'a [u8], peek: &Peek) -> Wishes<'a> {
        Wishes { accept: peek.field(bytes, 15), application: peek.field(bytes, 16) }
    }
}

/// What the sender gets now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// An answer.
    Answer(Acknowledgement),
    /// Nothing, and the connection goes on.
    Silent,
    /// Nothing yet: the answer depends on what is still going on.
    Wait,
    /// Nothing, and the connection is closed: every sender takes that as "send it again later".
    Close,
}

/// An answer to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// MSA-1.
    pub code: AckCode,
    /// What is wrong, worst first; none for a positive answer.
    pub problems: Vec<AckProblem>,
}

/// One thing that is wrong, in words for the wire: no patient data, no internals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckProblem {
    /// Code of HL7 table 0357.
    pub code: u16,
    /// What is wrong.
    pub text: String,
    /// The segment and field.
    pub at: Option<(&'static str, u16)>,
}

impl AckProblem {
    pub(super) fn new(code: u16, text: impl Into<String>) -> AckProblem {
        AckProblem { code, text: text.into(), at: None }
    }

    pub(super) fn at(self, segment: &'static str, field: u16) -> AckProblem {
        AckProblem { at: Some((segment, field)), ..self }
    }

    /// The same, as [`hl7::ack`] takes it.
    pub fn as_hl7(&self) -> hl7::Problem<'_> {
        let location = self.at.map(|(segment, field)| Location {
            segment,
            occurrence: 1,
            field: Some(field),
            ..Location::default()
        });
        hl7::Problem { code: self.code, text: &self.text, location, severity: Severity::Error }
    }
}

/// How an answer sounds, before it is known whether it is an accept or an application acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accept,
    Error,
    Reject,
}

/// Decides what a sender is answered. Nothing else in the engine does.
pub fn ack_decision(settings: &AckSettings, wishes: Wishes<'_>, arrival: &Arrival<'_>) -> Decision {
    if owes_application_ack(settings, wishes, arrival) {
        // What is answered now says that the message is safe and nothing more.
        return answer(Class::Accept.code(settings.mode, wishes), Vec::new());
    }
    match classify(settings, arrival) {
        Ok((class, problems)) => answer(class.code(settings.mode, wishes), problems),
        Err(decision) => decision,
    }
}

/// Whether the sender is owed an application acknowledgement as a message of its own: it wants an accept acknowledgement now and an
/// application acknowledgement later, the source says where to send that, and the message is one that the program sees.
pub fn owes_application_ack(
    settings: &AckSettings,
    wishes: Wishes<'_>,
    arrival: &Arrival<'_>,
) -> bool {
    let for_the_program = match arrival {
        Arrival::Undecided
        | Arrival::Routed
        | Arrival::Filtered
        | Arrival::Unrouted
        | Arrival::Failed(_)
        | Arrival::Delivered
        | Arrival::NotDelivered => true,
        Arrival::Rejected(_)
        | Arrival::Acknowledgement
        | Arrival::Repeated(_)
        | Arrival::SameId
        | Arrival::NotStored => false,
    };
    let wants_both = !is_never(wishes.accept) && !is_never(wishes.application);
    for_the_program
        && settings.application.is_some()
        && settings.mode == AckMode::Header
        && wants_both
}

/// The application acknowledgement that a sender is owed, once the outcome is known; none when it wants none of this kind.
pub fn application_ack(
    settings: &AckSettings,
    wishes: Wishes<'_>,
    arrival: &Arrival<'_>,
) -> Option<Acknowledgement> {
    let (class, problems) = classify(settings, arrival).ok()?;
    class
        .is_wanted(wishes.application)
        .then(|| Acknowledgement { code: class.application(), problems })
}

fn answer(code: Option<AckCode>, problems: Vec<AckProblem>) -> Decision {
    match code {
        Some(code) => Decision::Answer(Acknowledgement { code, problems }),
        None => Decision::Silent,
    }
}

/// How the answer sounds; or that there is none, or none yet.
fn classify(
    settings: &AckSettings,
    arrival: &Arrival<'_>,
) -> Result<(Class, Vec<AckProblem>), Decision> {
    let classified = match arrival {
        Arrival::Acknowledgement => return Err(Decision::Silent),
        Arrival::NotStored => match settings.not_stored {
            NotStored::Close => return Err(Decision::Close),
            NotStored::Reject => {
                (Class::Reject, vec![AckProblem::new(207, "the message could not be stored")])
            }
        },
        Arrival::Rejected(rejection) => {
            let class = if rejection.retry { Class::Reject } else { Class::Error };
            (class, vec![rejection.problem.clone()])
        }
        Arrival::Repeated(code) => (Class::of(*code), Vec::new()),
        Arrival::SameId => {
            let text = "another message with this control id is here already";
            (Class::Reject, vec![AckProblem::new(205, text).at("MSH", 10)])
        }
        Arrival::Filtered | Arrival::Unrouted => unwanted(settings.unwanted, arrival),
        Arrival::Failed(told) => match settings.policy {
            AckPolicy::OnReceipt => (Class::Accept, Vec::new()),
            AckPolicy::OnAccept | AckPolicy::OnDelivery { .. } => {
                (Class::Error, vec![AckProblem::new(207, *told)])
            }
        },
        Arrival::Undecided => match settings.policy {
            AckPolicy::OnReceipt => (Class::Accept, Vec::new()),
            AckPolicy::OnAccept | AckPolicy::OnDelivery { .. } => return Err(Decision::Wait),
        },
        Arrival::Routed => match settings.policy {
            AckPolicy::OnReceipt | AckPolicy::OnAccept => (Class::Accept, Vec::new()),
            AckPolicy::OnDelivery { .. } => return Err(Decision::Wait),
        },
        Arrival::Delivered => (Class::Accept, Vec::new()),
        Arrival::NotDelivered => match settings.policy {
            AckPolicy::OnDelivery { otherwise: Otherwise::Error, .. } => (
                Class::Error,
                vec![AckProblem::new(207, "the message could not be delivered in time")],
            ),
            AckPolicy::OnReceipt
            | AckPolicy::OnAccept
            | AckPolicy::OnDelivery { otherwise: Otherwise::Accept, .. } => {
                (Class::Accept, Vec::new())
            }
        },
    };
    Ok(classified)
}

fn unwanted(unwanted: Unwanted, arrival: &Arrival<'_>) -> (Class, Vec<AckProblem>) {
    match unwanted {
        Unwanted::Accept => (Class::Accept, Vec::new()),
        Unwanted::Reject => {
            let text = if *arrival == Arrival::Filtered {
                "messages of this kind are filtered here"
            } else {
                "no destination takes messages of this kind"
            };
            (Class::Reject, vec![AckProblem::new(207, text)])
        }
    }
}

impl Class {
    fn of(code: AckCode) -> Class {
        match code {
            AckCode::AA | AckCode::CA => Class::Accept,
            AckCode::AE | AckCode::CE => Class::Error,
            AckCode::AR | AckCode::CR => Class::Reject,
        }
    }

    /// The code for the sender's wishes; none when it wants no answer of this class.
    ///
    /// Without wishes, and in original mode, there is one application acknowledgement. When the sender wants an accept
    /// acknowledgement it gets that one; its application acknowledgement is a message of its own and comes another way.
    fn code(self, mode: AckMode, wishes: Wishes<'_>) -> Option<AckCode> {
        let original = mode == AckMode::Original
            || (wishes.accept.is_empty() && wishes.application.is_empty());
        if original {
            return Some(self.application());
        }
        if !is_never(wishes.accept) {
            return self.is_wanted(wishes.accept).then(|| self.accept());
        }
        (!is_never(wishes.application) && self.is_wanted(wishes.application))
            .then(|| self.application())
    }

    fn application(self) -> AckCode {
        match self {
            Class::Accept => AckCode::AA,
            Class::Error => AckCode::AE,
            Class::Reject => AckCode::AR,
        }
    }

    fn accept(self) -> AckCode {
        match self {
            Class::Accept => AckCode::CA,
            Class::Error => AckCode::CE,
            Class::Reject => AckCode::CR,
        }
    }

    /// HL7 table 0155; a value that is not in it means "always", since an answer too many harms less than one too few.
    fn is_wanted(self, wish: &[u8]) -> bool {
        match wish {
            b"ER" => self != Class::Accept,
            b"SU" => self == Class::Accept,
            _ => true,
        }
    }
}

/// Never: said, or left empty beside the other wish.
fn is_never(wish: &[u8]) -> bool {
    matches!(wish, b"NE" | b"" | b"\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ack::SameId;
    use std::time::Duration;

    fn settings(policy: AckPolicy) -> AckSettings {
        AckSettings {
            policy,
            mode: AckMode::Original,
            unwanted: Unwanted::Accept,
            not_stored: NotStored::Close,
            same_id: SameId::Accept,
            application: None,
            options: hl7::AckOptions::default(),
        }
    }

    fn on_delivery(otherwise: Otherwise) -> AckPolicy {
        AckPolicy::OnDelivery {
            destinations: Vec::new(),
            deadline: Duration::from_secs(1),
            otherwise,
        }
    }

    fn decide(settings: &AckSettings, wishes: (&[u8], &[u8]), arrival: &Arrival<'_>) -> String {
        let wishes = Wishes { accept: wishes.0, application: wishes.1 };
        match ack_decision(settings, wishes, arrival) {
            Decision::Answer(answer) => {
                let problems: Vec<String> =
                    answer.problems.iter().map(|problem| problem.code.to_string()).collect();
                format!("{} {}", answer.code, problems.join(" ")).trim().to_owned()
            }
            Decision::Silent => "silent".to_owned(),
            Decision::Wait => "wait".to_owned(),
            Decision::Close => "close".to_owned(),
        }
    }

    #[test]
    fn the_policy_decides_what_an_answer_waits_for() {
        let failed = Arrival::Failed("no medical record number");
        let table = [
            (Arrival::Routed, ["AA", "AA", "wait"]),
            (Arrival::Filtered, ["AA", "AA", "AA"]),
            (Arrival::Unrouted, ["AA", "AA", "AA"]),
            (failed, ["AA", "AE 207", "AE 207"]),
            (Arrival::Undecided, ["AA", "wait", "wait"]),
            (Arrival::Delivered, ["AA", "AA", "AA"]),
            (Arrival::NotDelivered, ["AA", "AA", "AE 207"]),
            (Arrival::Acknowledgement, ["silent"; 3]),
            (Arrival::NotStored, ["close"; 3]),
            (Arrival::Repeated(AckCode::AE), ["AE"; 3]),
        ];
        let policies = [AckPolicy::OnReceipt, AckPolicy::OnAccept, on_delivery(Otherwise::Error)]
            .map(settings);
        for (arrival, expected) in &table {
            for (policy, expected) in policies.iter().zip(expected) {
                assert_eq!(
                    decide(policy, (b"", b""), arrival),
                    *expected,
                    "{arrival:?} {policy:?}"
                );
            }
        }
        assert_eq!(
            decide(&settings(on_delivery(Otherwise::Accept)), (b"", b""), &Arrival::NotDelivered),
            "AA"
        );
    }

    #[test]
    fn what_nobody_wants_may_be_rejected() {
        let reject = AckSettings { unwanted: Unwanted::Reject, ..settings(AckPolicy::OnReceipt) };
        assert_eq!(decide(&reject, (b"", b""), &Arrival::Filtered), "AR 207");
        assert_eq!(decide(&reject, (b"", b""), &Arrival::Unrouted), "AR 207");
        assert_eq!(decide(&reject, (b"", b""), &Arrival::Routed), "AA");
        let refused =
            AckSettings { not_stored: NotStored::Reject, ..settings(AckPolicy::OnReceipt) };
        assert_eq!(decide(&refused, (b"", b""), &Arrival::NotStored), "AR 207");
    }

    #[test]
    fn a_sender_may_say_what_it_wants() {
        let header = AckSettings { mode: AckMode::Header, ..settings(AckPolicy::OnAccept) };
        let good = Arrival::Routed;
        let bad = Arrival::Failed("x");
        for (wishes, expected) in [
            (("", ""), ["AA", "AE 207"]),
            (("AL", ""), ["CA", "CE 207"]),
            (("AL", "AL"), ["CA", "CE 207"]),
            (("ER", "NE"), ["silent", "CE 207"]),
            (("SU", "NE"), ["CA", "silent"]),
            (("NE", "NE"), ["silent", "silent"]),
            (("NE", ""), ["silent", "silent"]),
            (("NE", "AL"), ["AA", "AE 207"]),
            (("", "AL"), ["AA", "AE 207"]),
            (("", "ER"), ["silent", "AE 207"]),
            (("", "SU"), ["AA", "silent"]),
            (("??", ""), ["CA", "CE 207"]),
        ] {
            let asked = (wishes.0.as_bytes(), wishes.1.as_bytes());
            let got = [&good, &bad].map(|arrival| decide(&header, asked, arrival));
            assert_eq!(got, expected, "{wishes:?}");
            let original = settings(AckPolicy::OnAccept);
            assert_eq!(
                decide(&original, asked, &good),
                "AA",
                "the wishes count only when the source says so"
            );
        }
        assert_eq!(decide(&header, (b"AL", b""), &Arrival::Repeated(AckCode::AR)), "CR");
    }

    #[test]
    fn a_sender_that_asks_for_both_is_told_now_that_it_is_safe_and_later_what_became_of_it() {
        let failed = Arrival::Failed("x");
        let arrivals = [&Arrival::Routed, &Arrival::Undecided, &failed, &Arrival::Unrouted];
        let later = |settings: &AckSettings, wish: &str, arrival: &Arrival<'_>| {
            let wishes = Wishes { accept: b"AL", application: wish.as_bytes() };
            application_ack(settings, wishes, arrival).map_or("none", |ack| ack.code.as_str())
        };
        for (policy, expected) in [
            (AckPolicy::OnReceipt, ["AA", "AA", "AA", "AR"]),
            (AckPolicy::OnAccept, ["AA", "none", "AE", "AR"]),
            (on_delivery(Otherwise::Accept), ["none", "none", "AE", "AR"]),
        ] {
            let settings = AckSettings {
                mode: AckMode::Header,
                unwanted: Unwanted::Reject,
                application: config::Name::new("acks").ok(),
                ..settings(policy)
            };
            for (arrival, expected) in arrivals.iter().zip(expected) {
                let now = |accept: &str, application: &str| {
                    decide(&settings, (accept.as_bytes(), application.as_bytes()), arrival)
                };
                assert_eq!(now("AL", "AL"), "CA", "{arrival:?}");
                assert_eq!(now("SU", "ER"), "CA", "{arrival:?}");
                assert_eq!(now("ER", "AL"), "silent", "{arrival:?}");
                assert_eq!(later(&settings, "AL", arrival), expected, "{arrival:?}");
            }
            assert_eq!(later(&settings, "ER", &Arrival::Delivered), "none");
            assert_eq!(later(&settings, "SU", &Arrival::Delivered), "AA");
            assert_eq!(later(&settings, "ER", &Arrival::Filtered), "AR");
            assert_eq!(decide(&settings, (b"AL", b"AL"), &Arrival::NotStored), "close");
            assert_eq!(decide(&settings, (b"AL", b"AL"), &Arrival::SameId), "CR 205");
            let owes = |accept: &[u8], application: &[u8]| {
                owes_application_ack(&settings, Wishes { accept, application }, &Arrival::Routed)
            };
            assert!(owes(b"AL", b"AL") && owes(b"ER", b"SU"));
            assert!(
                !owes(b"NE", b"AL") && !owes(b"AL", b"NE") && !owes(b"AL", b"") && !owes(b"", b"")
            );
        }
    }
}
