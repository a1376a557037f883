//! `hilum setup`, `login`, `logout`, `whoami`, `password` and `second-factor`: one's own account.

use phi::Secret;
use serde_json::{Value, json};

use crate::answer::{list, maybe, text};
use crate::api::Api;
use crate::args::accounts::{Login, Setup};
use crate::args::{Format, Query, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::table::time;
use crate::{prompt, say, token};

/// Makes the first owner.
pub async fn setup(args: Setup) -> Outcome {
    let path = args.setup_token.clone().unwrap_or_else(|| {
        let data = match (&args.target.reach.data, &args.target.reach.site) {
            (Some(data), _) => data.clone(),
            (None, Some(site)) => site.join("data"),
            (None, None) => "data".into(),
        };
        data.join("setup-token")
    });
    let read = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(Code::Refused, format!("`{}` cannot be read: {error}", path.display())).hint(
            "the engine writes it when it starts and nobody can sign in yet; it is good for a day",
        )
    })?;
    let token = Secret::new(read.trim().to_owned());
    let api = Api::of(&args.target)?;
    let asked = json!({ "token": token.expose_secret(), "name": args.name });
    let begun = api.post("/api/v1/setup/begin", &asked).await?;
    let password = prompt::new_secret("Password, at least 12 characters: ")?;
    show_factor(&begun);
    let code = prompt::line("Code: ")?;
    let request = json!({
        "token": token.expose_secret(),
        "name": args.name,
        "password": password.expose_secret(),
        "code": code,
    });
    let answer = api.post("/api/v1/setup", &request).await?;
    say::talk(&format!("`{}` is the owner; `hilum login {}` signs in", args.name, args.name));
    show_codes(&answer);
    Ok(())
}

/// Signs in.
pub async fn login(args: Login) -> Outcome {
    let api = http(&args.target)?;
    let password = prompt::secret("Password: ")?;
    let code = prompt::line("Code of the second factor (empty without one): ")?;
    let request = json!({ "name": args.name, "password": password.expose_secret(), "code": code });
    let path = if args.step_up { "/api/v1/auth/step-up" } else { "/api/v1/auth/login" };
    let answer = api.post(path, &request).await?;
    token::keep(&args.target, text(&answer, "token"))?;
    let until = time(maybe(&answer, "until_us"));
    say::talk(&format!("signed in until {until} at the latest"));
    if answer.get("must_enrol") == Some(&Value::Bool(true)) {
        say::talk("hint: `hilum second-factor` first; nothing else is allowed before");
    }
    Ok(())
}

/// Ends the session.
pub async fn logout(args: Query) -> Outcome {
    http(&args.target)?.post("/api/v1/auth/logout", &json!({})).await?;
    token::forget(&args.target)
}

/// Says who is signed in.
pub async fn whoami(args: Query) -> Outcome {
    let answer = Api::of(&args.target)?.post("/api/v1/me", &json!({})).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let name = answer.get("name").and_then(Value::as_str).unwrap_or(text(&answer, "id"));
    say::data(&format!("{name}  {}\n", text(&answer, "auth")));
    for held in list(&answer, "permissions") {
        let channels: Vec<&str> = list(held, "channels").iter().filter_map(Value::as_str).collect();
        let scope = match held.get("channels") {
            Some(Value::Null) | None => "every channel".to_owned(),
            Some(_) => channels.join(", "),
        };
        say::data(&format!("  {:<20} {scope}\n", text(held, "permission")));
    }
    Ok(())
}

/// Changes the password.
pub async fn password(args: Query) -> Outcome {
    let api = http(&args.target)?;
    let current = prompt::secret("Password as it is: ")?;
    let new = prompt::new_secret("New password: ")?;
    let request = json!({ "current": current.expose_secret(), "new": new.expose_secret() });
    api.post("/api/v1/me/password", &request).await?;
    say::talk("changed; all your sessions have ended: `hilum login` signs in");
    token::forget(&args.target)
}

/// Adds a second factor.
pub async fn second_factor(args: Query) -> Outcome {
    let api = http(&args.target)?;
    show_factor(&api.post("/api/v1/me/second-factor/begin", &json!({})).await?);
    let code = prompt::line("Code: ")?;
    let answer = api.post("/api/v1/me/second-factor/confirm", &json!({ "code": code })).await?;
    say::talk("added; all your sessions have ended: `hilum login` signs in");
    show_codes(&answer);
    token::forget(&args.target)
}

/// The engine over HTTP: the socket has no sessions.
pub fn http(target: &Target) -> Result<Api, Failure> {
    match Api::of(target)? {
        Api::Socket(_) => Ok(Api::Http {
            authority: "127.0.0.1:8480".to_owned(),
            tls: None,
            token: token::read(target)?,
        }),
        api => Ok(api),
    }
}

fn show_factor(answer: &Value) {
    say::talk("Second factor: give this to your authenticator, then type the code it shows.");
    say::data(&format!("{}\n{}\n", text(answer, "secret"), text(answer, "uri")));
}

fn show_codes(answer: &Value) {
    say::talk("Recovery codes, each for one sign-in without the device; they are not shown again:");
    for code in list(answer, "recovery_codes").iter().filter_map(Value::as_str) {
        say::data(&format!("{code}\n"));
    }
}
