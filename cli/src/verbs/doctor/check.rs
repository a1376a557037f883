//! One thing to look at, and what was found.

use config::Profile;

use super::scene::Scene;

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In order.
    Ok,
    /// It can be better.
    Warn,
    /// Messages, or the record of who did what, are not protected as they should be.
    Fail,
    /// It cannot be told from here.
    Unknown,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
            State::Unknown => "unknown",
        }
    }

    /// The box for it on a list of paper.
    pub fn tick(self) -> &'static str {
        match self {
            State::Ok => "[x]",
            State::Warn | State::Fail => "[ ]",
            State::Unknown => "[?]",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub state: State,
    /// What is so, without a trailing period.
    pub says: String,
    /// What to do, in one line.
    pub hint: Option<String>,
}

impl Finding {
    fn new(state: State, says: impl Into<String>) -> Finding {
        Finding { state, says: says.into(), hint: None }
    }

    /// In order.
    pub fn ok(says: impl Into<String>) -> Finding {
        Finding::new(State::Ok, says)
    }

    /// It can be better.
    pub fn warn(says: impl Into<String>) -> Finding {
        Finding::new(State::Warn, says)
    }

    /// Not in order, whatever the profile.
    pub fn fail(says: impl Into<String>) -> Finding {
        Finding::new(State::Fail, says)
    }

    /// It cannot be told.
    pub fn unknown(says: impl Into<String>) -> Finding {
        Finding::new(State::Unknown, says)
    }

    /// Not in order where patients' data is; where things are only tried out, it can be better.
    pub fn grave(scene: &Scene, says: impl Into<String>) -> Finding {
        let trying = scene.server().is_some_and(|server| server.profile == Profile::Development);
        Finding::new(if trying { State::Warn } else { State::Fail }, says)
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }
}

/// One thing to look at.
pub struct Check {
    /// Its stable name, for programs.
    pub id: &'static str,
    /// How it should be, in words.
    pub title: &'static str,
    /// Looks.
    pub look: fn(&Scene) -> Finding,
}
