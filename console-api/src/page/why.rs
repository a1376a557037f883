//! Why a delivery is dead, in words.

use store::{DeliveryDetail, DeliveryState};

/// A sentence without values of the message; nothing for one that is not dead.
pub fn why_dead(delivery: &DeliveryDetail) -> Option<String> {
    if delivery.state != DeliveryState::Dead {
        return None;
    }
    let code = delivery.reason.as_ref().map_or("unknown", |reason| reason.code.as_str());
    if let Some(step) = delivery.reason.as_ref().and_then(|reason| reason.step) {
        return Some(format!("step {step} of its destination failed ({code}); it was never sent"));
    }
    let Some(last) = delivery.attempts.last() else {
        return Some(format!("it was never sent ({code})"));
    };
    let tries = match delivery.tries {
        1 => "the only try".to_owned(),
        tries => format!("the last of {tries} tries"),
    };
    let answered = match last.answered {
        true => format!("{} answered `{}`", last.peer, last.code),
        false => format!("{} did not answer (`{}`)", last.peer, last.code),
    };
    let why = match code == last.code {
        true => "this is not tried again".to_owned(),
        false => format!("given up with `{code}`"),
    };
    Some(format!("{tries}: {answered}; {why}"))
}
