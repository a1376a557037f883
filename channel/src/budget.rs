/// Says when a program has used up its time; it is asked between steps and inside loops.
///
/// The clock is outside: the same message with the same budget always gives the same result.
pub trait Budget {
    /// Is it over?
    fn over(&self) -> bool;

    /// The time of one script, which begins now: says when that, or the whole, is over.
    fn script(&self) -> Box<dyn FnMut() -> bool>;
}

/// A budget that never ends, for tests and dry runs.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn over(&self) -> bool {
        false
    }

    fn script(&self) -> Box<dyn FnMut() -> bool> {
        Box::new(|| false)
    }
}
