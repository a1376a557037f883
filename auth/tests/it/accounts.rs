//! Accounts by the clock: sessions that end, codes and guesses that count, and people who get no further than they may.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{
    AccountChange, AccountError, AccountRules, Accounts, Cost, Login, NewPerson, Owner, Session,
};
use config::SecondFactorPolicy;
use phi::Secret;
use store::{Act, Granted, Scope, Source};

use crate::home::{Clock, Hands, Home, On, name, on_both};

on_both!(
    a_session_ends_by_time_and_never_lives_longer_by_a_clock_set_back,
    every_refusal_is_the_same_and_costs_the_same_wait,
    a_lock_ends_after_half_an_hour,
    a_second_factor_is_added_used_and_demanded,
    a_step_up_gives_a_new_token_that_is_fresh_for_five_minutes,
    the_setup_token_is_good_for_a_day_and_once,
    nobody_gives_out_more_than_they_hold,
);

const MINUTE_US: i64 = 60_000_000;
const PASSWORD: &str = "correct horse battery staple";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn source() -> Source {
    Source { address: Some(SocketAddr::from(([127, 0, 0, 1], 50_000))), via: "api" }
}

struct Place {
    home: Home,
    accounts: Arc<Accounts>,
    hands: &'static Hands,
    operator: Session,
}

impl Place {
    async fn new((on, (hands, now_us)): (On, Clock), policy: SecondFactorPolicy) -> Place {
        let home = Home::on(on, now_us).await;
        let accounts = Accounts::open(
            home.store.clone(),
            home.data(),
            AccountRules {
                node: "node".to_owned(),
                second_factor: policy,
                directory: None,
                approvals: false,
            },
            (now_us, Cost::LEAST),
        );
        let accounts = Arc::new(accounts.await.unwrap());
        Place { home, accounts, hands, operator: Session::of_same_uid(0) }
    }

    fn act(&self) -> Act {
        self.home.act("test")
    }

    async fn add(&self, user: &str, role: &str) {
        let grants = vec![Granted { role: role.to_owned(), scope: Scope::All }];
        let new = NewPerson { name: name(user), password: secret(PASSWORD), grants };
        self.accounts.add(&self.act(), &self.operator, new).await.unwrap();
    }

    async fn login(
        &self,
        user: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<Secret<String>, AccountError> {
        let login =
            Login { name: user.to_owned(), password: secret(password), code: code.map(secret) };
        Ok(self.accounts.sign_in(login, source()).await?.token)
    }

    async fn session(&self, token: &Secret<String>) -> Option<Session> {
        self.accounts.recognise(token, source()).await.unwrap()
    }
}

/// The code of a secret in base32, at a time.
fn code(text: &str, now_us: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(text).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    totp.generate(u64::try_from(now_us / 1_000_000).unwrap()).to_string()
}

async fn a_session_ends_by_time_and_never_lives_longer_by_a_clock_set_back(on: On, clock: Clock) {
    let place = Place::new((on, clock), SecondFactorPolicy::Optional).await;
    place.add("ada", "viewer").await;
    let token = place.login("ada", PASSWORD, None).await.unwrap();
    assert!(token.expose_secret().starts_with("hs1_"));
    for _ in 0..23 {
        place.hands.forward(29 * MINUTE_US);
        assert!(place.session(&token).await.is_some(), "a request every 29 minutes");
    }
    // Eleven hours and seven minutes have gone; the twelfth hour ends it.
    for _ in 0..2 {
        place.hands.forward(26 * MINUTE_US);
        assert!(place.session(&token).await.is_some());
    }
    place.hands.forward(2 * MINUTE_US);
    assert!(place.session(&token).await.is_none(), "twelve hours");

    let token = place.login("ada", PASSWORD, None).await.unwrap();
    place.hands.forward(30 * MINUTE_US);
    assert!(place.session(&token).await.is_none(), "half an hour without a request");

    let token = place.login("ada", PASSWORD, None).await.unwrap();
    place.hands.forward(-MINUTE_US);
    assert!(place.session(&token).await.is_none(), "the clock stepped back");
    place.hands.forward(MINUTE_US);
    assert!(place.session(&token).await.is_some());
    for wrong in [
        "",
        "hs1_",
        "hs1_AAAA",
        &token.expose_secret().to_lowercase(),
        &format!("{}x", token.expose_secret()),
    ] {
        assert!(place.session(&secret(wrong)).await.is_none(), "{wrong}");
    }
}

async fn every_refusal_is_the_same_and_costs_the_same_wait(on: On, clock: Clock) {
    let place = Place::new((on, clock), SecondFactorPolicy::Optional).await;
    place.add("ada", "viewer").await;
    place.add("bob", "viewer").await;
    place
        .accounts
        .change(&place.act(), &place.operator, &name("bob"), AccountChange::Disable)
        .await
        .unwrap();
    let long = "x".repeat(300);
    for (user, password) in [
        ("ada", "wrong password here"),
        ("ada", ""),
        ("ada", "\0\0\0"),
        ("ada", long.as_str()),
        ("nobody", PASSWORD),
        ("No Name", PASSWORD),
        ("bob", PASSWORD),
        ("a' or 1=1 --", PASSWORD),
    ] {
        let begun = tokio::time::Instant::now();
        let refused = place.login(user, password, None).await;
        assert!(matches!(refused, Err(AccountError::Credentials)), "{user}");
        assert!(begun.elapsed().as_millis() >= 400, "{user}: no answer comes earlier");
    }
}

async fn a_lock_ends_after_half_an_hour(on: On, clock: Clock) {
    let place = Place::new((on, clock), SecondFactorPolicy::Optional).await;
    place.add("ada", "viewer").await;
    for _ in 0..5 {
        assert!(place.login("ada", "wrong password here", None).await.is_err());
    }
    assert!(place.login("ada", PASSWORD, None).await.is_err());
    place.hands.forward(30 * MINUTE_US - 1_000_000);
    assert!(place.login("ada", PASSWORD, None).await.is_err());
    place.hands.forward(2_000_000);
    assert!(place.login("ada", PASSWORD, None).await.is_ok());
}

async fn a_second_factor_is_added_used_and_demanded(on: On, clock: Clock) {
    let (hands, now_us) = clock;
    let place = Place::new((on, (hands, now_us)), SecondFactorPolicy::Admins).await;
    place.add("ada", "user-admin").await;
    let token = place.login("ada", PASSWORD, None).await.unwrap();
    let session = place.session(&token).await.unwrap();
    assert!(session.must_enrol());
    assert!(session.permit::<auth::grants::UserRead>().is_none(), "confined");
    let begun = place.accounts.begin_enrolment(&session).unwrap();
    let text = begun.secret.expose_secret().clone();
    assert!(begun.uri.expose_secret().starts_with("otpauth://totp/Hilum%20node:ada?secret="));
    let confirmed = place.accounts.confirm_enrolment(&session, &secret("000000")).await;
    assert!(matches!(confirmed, Err(AccountError::Invalid(_))));
    let now = code(&text, now_us());
    let recovery = place.accounts.confirm_enrolment(&session, &secret(&now)).await.unwrap();
    assert_eq!(recovery.len(), 10);
    assert!(place.session(&token).await.is_none(), "the confined session has ended");

    assert!(place.login("ada", PASSWORD, None).await.is_err(), "without a code");
    assert!(place.login("ada", PASSWORD, Some(&now)).await.is_err(), "its step is used");
    hands.forward(MINUTE_US);
    let next = code(&text, now_us());
    let token = place.login("ada", PASSWORD, Some(&next)).await.unwrap();
    assert!(!place.session(&token).await.unwrap().must_enrol());
    assert!(place.login("ada", PASSWORD, Some(&next)).await.is_err(), "good once");
    let first = recovery[0].expose_secret();
    assert!(place.login("ada", PASSWORD, Some(first)).await.is_ok());
    assert!(place.login("ada", PASSWORD, Some(first)).await.is_err(), "good once");
    // Another enrolment that waits too long is none.
    let session = place.session(&token).await.unwrap();
    place.accounts.begin_enrolment(&session).unwrap();
    hands.forward(6 * MINUTE_US);
    let stale = place.accounts.begin_enrolment(&session).err();
    assert!(matches!(stale, Some(AccountError::StepUp)), "it needs a fresh sign-in");
}

async fn a_step_up_gives_a_new_token_that_is_fresh_for_five_minutes(on: On, clock: Clock) {
    let place = Place::new((on, clock), SecondFactorPolicy::Optional).await;
    place.add("ada", "viewer").await;
    place.add("bob", "viewer").await;
    let token = place.login("ada", PASSWORD, None).await.unwrap();
    place.hands.forward(5 * MINUTE_US);
    let session = place.session(&token).await.unwrap();
    assert!(!session.is_fresh((place.home.now_us)()));
    let login =
        |user: &str| Login { name: user.to_owned(), password: secret(PASSWORD), code: None };
    let other = place.accounts.step_up(&session, login("bob")).await;
    assert!(matches!(other, Err(AccountError::Invalid(_))));
    let stepped = place.accounts.step_up(&session, login("ada")).await.unwrap();
    assert!(place.session(&token).await.is_none(), "the old token has ended");
    let session = place.session(&stepped.token).await.unwrap();
    assert!(session.is_fresh((place.home.now_us)()));
}

async fn the_setup_token_is_good_for_a_day_and_once(on: On, clock: Clock) {
    let (hands, now_us) = clock;
    let place = Place::new((on, (hands, now_us)), SecondFactorPolicy::Admins).await;
    let path = place.accounts.setup_token_file().unwrap();
    let token = std::fs::read_to_string(&path).unwrap();
    let text = place.accounts.begin_setup(&secret(&token), &name("ada"), source()).unwrap();
    let text = text.secret.expose_secret().clone();
    let owner = |password: &str, code: String| Owner {
        token: secret(&token),
        name: name("ada"),
        password: secret(password),
        code: Secret::new(code),
    };
    let weak =
        place.accounts.claim(owner("passwordpassword", code(&text, now_us())), source()).await;
    assert!(matches!(weak, Err(AccountError::Invalid(_))));
    let wrong = place.accounts.claim(owner(PASSWORD, "000000".to_owned()), source()).await;
    assert!(matches!(wrong, Err(AccountError::Invalid(_))));
    hands.forward(24 * 60 * MINUTE_US);
    let late = place.accounts.claim(owner(PASSWORD, code(&text, now_us())), source()).await;
    assert!(matches!(late, Err(AccountError::Credentials)), "a day has gone");
    hands.forward(-24 * 60 * MINUTE_US);
    let code = code(&text, now_us());
    let (one, other) = tokio::join!(
        place.accounts.claim(owner(PASSWORD, code.clone()), source()),
        place.accounts.claim(owner(PASSWORD, code.clone()), source()),
    );
    assert!(one.is_ok() != other.is_ok(), "one owner");
    assert!(!path.exists() && !place.home.store.has_no_users().await.unwrap());
    assert!(place.accounts.begin_setup(&secret(&token), &name("ada"), source()).is_err());
}

async fn nobody_gives_out_more_than_they_hold(on: On, clock: Clock) {
    let place = Place::new((on, clock), SecondFactorPolicy::Optional).await;
    for (user, role) in [("ada", "user-admin"), ("olga", "operator"), ("bob", "user-admin")] {
        place.add(user, role).await;
    }
    let ada = place.session(&place.login("ada", PASSWORD, None).await.unwrap()).await.unwrap();
    let grants = |role: &str| vec![Granted { role: role.to_owned(), scope: Scope::All }];
    let new = |role: &str| NewPerson {
        name: name("new"),
        password: secret(PASSWORD),
        grants: grants(role),
    };
    let (accounts, act) = (&place.accounts, place.act());
    assert!(matches!(
        accounts.add(&act, &ada, new("operator")).await,
        Err(AccountError::Beyond(_))
    ));
    assert!(matches!(
        accounts.add(&act, &ada, new("no-such")).await,
        Err(AccountError::Invalid(_))
    ));
    assert!(accounts.add(&act, &ada, new("user-admin")).await.is_ok());
    let olga = name("olga");
    for refused in [
        accounts.set_grants(&act, &ada, &name("ada"), grants("user-admin")).await,
        accounts.set_grants(&act, &ada, &olga, grants("user-admin")).await,
        accounts.change(&act, &ada, &olga, AccountChange::Disable).await,
        accounts.change(&act, &ada, &olga, AccountChange::ResetSecondFactor).await,
        accounts
            .change(
                &act,
                &ada,
                &olga,
                AccountChange::ResetPassword(secret("another long passphrase")),
            )
            .await,
        accounts.change(&act, &ada, &name("ada"), AccountChange::Unlock).await,
    ] {
        assert!(matches!(refused, Err(AccountError::Beyond(_))), "{refused:?}");
    }
    assert!(accounts.change(&act, &ada, &name("bob"), AccountChange::Disable).await.is_ok());
    let absent = accounts.change(&act, &ada, &name("absent"), AccountChange::Disable).await;
    assert!(matches!(absent, Err(AccountError::Absent("user"))));
}
