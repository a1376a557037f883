//! The people who may sign in, and what is asked of them.

use std::fs;
use std::io;

use config::{Profile, SecondFactorPolicy, Server};
use serde_json::Value;

use super::check::{Check, Finding};
use super::scene::Scene;
use crate::answer::{list, number, text};

/// Owners without whom a site stands still when one is ill.
const OWNERS: usize = 2;
/// The role of an owner.
const OWNER: &str = "system-owner";

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "people.claimed",
        title: "the engine has an owner, and its setup token is gone",
        look: claimed,
    },
    Check {
        id: "people.factor_policy",
        title: "people need a second factor",
        look: |scene| scene.with_server(|server| policy(scene, server)),
    },
    Check {
        id: "people.factor",
        title: "everybody has a second factor",
        look: |scene| scene.with_answer(|engine| &engine.security, coverage),
    },
    Check {
        id: "people.owners",
        title: "two people own the system",
        look: |scene| scene.with_answer(|engine| &engine.users, |users| owners(scene, users)),
    },
    Check {
        id: "people.approvals",
        title: "what is grave needs a second person",
        look: |scene| scene.with_server(approvals),
    },
];

fn claimed(scene: &Scene) -> Finding {
    let token = scene.paths.data.join("setup-token");
    match fs::symlink_metadata(&token) {
        Ok(_) => Finding::grave(
            scene,
            format!("nobody owns it: whoever reads `{}` can", token.display()),
        )
        .hint("`hilum setup` makes the first owner"),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Finding::unknown(format!("`{}`: {error}", token.display()))
        }
        Err(_) if scene.paths.data.is_dir() => Finding::ok("there is no setup token"),
        Err(_) => Finding::unknown("no engine has run here"),
    }
}

fn policy(scene: &Scene, server: &Server) -> Finding {
    let policy = server.api.second_factor;
    match policy {
        SecondFactorPolicy::Optional => Finding::grave(scene, "nobody needs one")
            .hint("write `second_factor = \"admins\"`, `\"phi\"` or `\"all\"` under `[api]`"),
        SecondFactorPolicy::Admins | SecondFactorPolicy::Phi | SecondFactorPolicy::All => {
            Finding::ok(format!("`second_factor` is `{}`", policy.as_str()))
        }
    }
}

fn coverage(security: &Value) -> Finding {
    let factor = security.get("system").and_then(|system| system.get("second_factor"));
    let Some(factor) = factor else {
        return Finding::unknown(
            "the engine does not say: only who reaches every channel may know",
        );
    };
    let (users, with) = (number(factor, "users"), number(factor, "with"));
    match users - with {
        0 if users == 0 => Finding::ok("nobody has an account"),
        0 => Finding::ok(format!("all {users} have one")),
        without => Finding::warn(format!("{without} of {users} have none"))
            .hint("`hilum user list` names them; each adds one with `hilum second-factor`"),
    }
}

fn owners(scene: &Scene, users: &Value) -> Finding {
    let is_owner = |user: &&Value| {
        let owns = |grant: &Value| {
            text(grant, "role") == OWNER && grant.get("channels").is_none_or(Value::is_null)
        };
        text(user, "state") == "active" && list(user, "grants").iter().any(owns)
    };
    let count = list(users, "users").iter().filter(is_owner).count();
    let hint = format!(
        "`hilum user add NAME --role {OWNER}` makes another; `hilum breakglass seal` is for when there is nobody"
    );
    match count {
        0 => Finding::grave(scene, "nobody with an account here owns it").hint(hint),
        1..OWNERS => Finding::warn(format!("{count} does")).hint(hint),
        count => Finding::ok(format!("{count} do")),
    }
}

fn approvals(server: &Server) -> Finding {
    match (server.api.approvals, server.profile) {
        (true, _) => Finding::ok("it does"),
        (false, Profile::Development) => Finding::ok("in development it need not"),
        (false, Profile::Production) => Finding::warn("it does not: `approvals` is `never`")
            .hint("with two administrators, take `approvals` under `[api]` out"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{running, scene};
    use super::*;
    use serde_json::json;

    const PRODUCTION: &str =
        "[server]\nprofile = \"production\"\n[store]\nkey = \"cred:store-key\"\n";

    #[test]
    fn a_token_that_makes_an_owner_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), PRODUCTION);
        assert_eq!(claimed(&scene).state, State::Unknown, "nothing has run");
        fs::create_dir_all(&scene.paths.data).unwrap();
        assert_eq!(claimed(&scene).state, State::Ok);
        fs::write(scene.paths.data.join("setup-token"), "x").unwrap();
        assert_eq!(claimed(&scene).state, State::Fail);
    }

    #[test]
    fn what_is_asked_of_people_is_judged() {
        let folder = tempfile::tempdir().unwrap();
        for (api, factor, second) in [
            ("", State::Ok, State::Ok),
            ("second_factor = \"optional\"", State::Fail, State::Ok),
            ("approvals = \"never\"", State::Ok, State::Warn),
        ] {
            let scene = scene(folder.path(), &format!("{PRODUCTION}[api]\n{api}\n"));
            let found = scene.with_server(|server| policy(&scene, server));
            assert_eq!(found.state, factor, "{api}");
            assert_eq!(scene.with_server(approvals).state, second, "{api}");
        }
    }

    #[test]
    fn people_without_a_second_factor_are_counted() {
        for (system, state) in [
            (json!({ "second_factor": { "users": 3, "with": 3 } }), State::Ok),
            (json!({ "second_factor": { "users": 3, "with": 2 } }), State::Warn),
            (json!({ "second_factor": { "users": 0, "with": 0 } }), State::Ok),
            (Value::Null, State::Unknown),
        ] {
            assert_eq!(coverage(&json!({ "system": system })).state, state, "{system}");
        }
    }

    #[test]
    fn owners_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let user = |state: &str, role: &str, channels: Value| json!({ "state": state, "grants": [{ "role": role, "channels": channels }] });
        let owner = || user("active", OWNER, Value::Null);
        for (users, state) in [
            (vec![owner(), owner()], State::Ok),
            (vec![owner(), user("disabled", OWNER, Value::Null)], State::Warn),
            (vec![owner(), user("active", "auditor", Value::Null)], State::Warn),
            (vec![user("active", OWNER, json!(["adt"]))], State::Fail),
            (vec![], State::Fail),
        ] {
            let users = json!({ "users": users });
            let scene = scene(folder.path(), PRODUCTION);
            let scene = running(scene, Value::Null, Value::Null, users.clone());
            let look = |users: &Value| owners(&scene, users);
            assert_eq!(scene.with_answer(|engine| &engine.users, look).state, state, "{users}");
        }
    }
}
