//! What needs a second person, and what one may do alone in an emergency.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::grants::{ApprovalDecide, MessageBody, UserManage};
use auth::{
    AccountError, AccountRules, Accounts, Cost, Login, NewPerson, Opening, Session, TokenOrder,
};
use config::SecondFactorPolicy;
use phi::Secret;
use store::{Act, Agreed, Granted, Scope, Source};
use uuid::Uuid;

use crate::home::{Clock, Hands, Home, On, name, on_both};

on_both!(
    nobody_makes_an_owner_alone,
    an_envelope_makes_an_owner_for_an_hour,
    wrong_words_lock_every_envelope,
    an_emergency_is_reviewed_or_said_again,
);

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const PASSWORD: &str = "correct horse battery staple";
const REASON: &str = "the directory is down and the night is long";

struct Place {
    home: Home,
    accounts: Arc<Accounts>,
    hands: &'static Hands,
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn source() -> Source {
    Source { address: Some(SocketAddr::from(([127, 0, 0, 1], 50_000))), via: "api" }
}

fn role(role: &str, channels: &[&str]) -> Granted {
    let names = channels.iter().map(|text| name(text)).collect();
    let scope = if channels.is_empty() { Scope::All } else { Scope::Channels(names) };
    Granted { role: role.to_owned(), scope }
}

impl Place {
    async fn new((on, (hands, now_us)): (On, Clock)) -> Place {
        let home = Home::on(on, now_us).await;
        let rules = AccountRules {
            node: "node".to_owned(),
            second_factor: SecondFactorPolicy::Optional,
            directory: None,
            approvals: true,
        };
        let opened = Accounts::open(home.store.clone(), home.data(), rules, (now_us, Cost::LEAST));
        Place { accounts: Arc::new(opened.await.unwrap()), home, hands }
    }

    async fn person(&self, user: &str, grants: Vec<Granted>) -> Session {
        let new = NewPerson { name: name(user), password: secret(PASSWORD), grants };
        let operator = Session::of_same_uid(0);
        self.accounts.add(&self.act(&operator), &operator, new).await.unwrap();
        let login = Login { name: user.to_owned(), password: secret(PASSWORD), code: None };
        let token = self.accounts.sign_in(login, source()).await.unwrap().token;
        self.accounts.recognise(&token, source()).await.unwrap().unwrap()
    }

    fn act(&self, by: &Session) -> Act {
        Act { actor: by.actor().clone(), ..self.home.act("user.grants") }
    }

    async fn grant(
        &self,
        by: &Session,
        approval: Option<Uuid>,
        grants: Vec<Granted>,
    ) -> Result<(), AccountError> {
        let approval = approval.map(|id| Agreed { id, spends: None });
        let act = Act { approval, ..self.act(by) };
        self.accounts.set_grants(&act, by, &name("olaf"), grants).await
    }

    async fn open(&self, passphrase: &str) -> Result<Secret<String>, AccountError> {
        let opening = Opening {
            passphrase: secret(passphrase),
            name: "Ada".to_owned(),
            reason: REASON.to_owned(),
            ticket: None,
        };
        Ok(self.accounts.open_envelope(opening, source()).await?.0)
    }

    async fn session(&self, token: &Secret<String>) -> Option<Session> {
        self.accounts.recognise(token, source()).await.unwrap()
    }
}

async fn nobody_makes_an_owner_alone(on: On, clock: Clock) {
    let place = Place::new((on, clock)).await;
    let owner = place.person("owner", vec![role("system-owner", &[])]).await;
    let petra = place.person("petra", vec![role("privacy-officer", &[])]).await;
    let lab = place.person("lab", vec![role("approver", &["lab"])]).await;
    place.person("olaf", vec![role("viewer", &[])]).await;
    place.grant(&owner, None, vec![role("operator", &[])]).await.unwrap();
    let grave = || vec![role("operator", &[]), role("system-owner", &[])];
    let needed = place.grant(&owner, None, grave()).await;
    let Err(AccountError::ApprovalNeeded { id }) = needed else { panic!("{needed:?}") };
    let decide = |by: &Session, agrees: bool| {
        let (accounts, act, by) = (Arc::clone(&place.accounts), place.act(by), by.clone());
        async move {
            let permit = by.permit::<ApprovalDecide>().unwrap();
            accounts.decide(&act, &permit, &by, (id, agrees)).await
        }
    };
    assert!(place.grant(&owner, Some(id), grave()).await.is_err(), "nobody has agreed");
    assert!(matches!(decide(&owner, true).await, Err(AccountError::Refused(_))), "one's own");
    let other = decide(&lab, true).await;
    assert!(matches!(other, Err(AccountError::Absent(_))), "outside the approver's channels");
    assert!(place.accounts.approvals(&role("approver", &["lab"]).scope).await.unwrap().is_empty());
    decide(&petra, true).await.unwrap();
    let more = vec![role("system-owner", &[]), role("release-manager", &[])];
    assert!(place.grant(&owner, Some(id), more).await.is_err(), "something else");
    place.grant(&owner, Some(id), grave()).await.unwrap();
    place.grant(&owner, None, vec![role("operator", &[])]).await.unwrap();
    assert!(place.grant(&owner, Some(id), grave()).await.is_err(), "once");
    // A program is let no further alone than a person.
    let token = |role_name: &str| TokenOrder {
        name: name(&format!("bot-{role_name}")),
        grants: vec![role(role_name, &[])],
        networks: vec!["127.0.0.0/8".to_owned()],
        ttl_us: None,
    };
    let act = || Act { action: "token.add", ..place.act(&owner) };
    let needed = place.accounts.add_token(&act(), &owner, token("system-owner")).await;
    let Err(AccountError::ApprovalNeeded { id: other }) = needed else {
        panic!("no request was made")
    };
    place.accounts.add_token(&act(), &owner, token("operator")).await.unwrap();
    let permit = petra.permit::<ApprovalDecide>().unwrap();
    place.accounts.decide(&place.act(&petra), &permit, &petra, (other, true)).await.unwrap();
    let shown = Act { approval: Some(Agreed { id: other, spends: None }), ..act() };
    let wider = TokenOrder { networks: vec!["0.0.0.0/0".to_owned()], ..token("system-owner") };
    assert!(place.accounts.add_token(&shown, &owner, wider).await.is_err(), "another network");
    place.accounts.add_token(&shown, &owner, token("system-owner")).await.unwrap();
    // What somebody has already is no new thing, and the operator of the machine asks nobody.
    let operator = Session::of_same_uid(0);
    place.grant(&operator, None, grave()).await.unwrap();
    place.grant(&owner, None, grave()).await.unwrap();
}

async fn an_envelope_makes_an_owner_for_an_hour(on: On, clock: Clock) {
    let place = Place::new((on, clock)).await;
    let operator = Session::of_same_uid(0);
    let act = place.act(&operator);
    let words = place.accounts.seal_envelopes(&act, &operator, 2).await.unwrap();
    assert_eq!(words.len(), 2);
    let short = Opening {
        passphrase: words[0].clone(),
        name: "Ada".to_owned(),
        reason: "because".to_owned(),
        ticket: None,
    };
    let short = place.accounts.open_envelope(short, source()).await;
    assert!(matches!(short, Err(AccountError::Invalid(_))), "a reason says something");
    // Typed from paper: other letters and spaces are the same words.
    let typed = format!("  {} ", words[0].expose_secret().to_uppercase().replace(' ', "  "));
    let token = place.open(&typed).await.unwrap();
    let ada = place.session(&token).await.unwrap();
    assert!(ada.permit::<UserManage>().is_some() && ada.is_fresh((place.home.now_us)()));
    assert!(ada.permit::<MessageBody>().is_none(), "owners read no messages");
    assert!(matches!(place.open(words[1].expose_secret()).await, Err(AccountError::Refused(_))));
    let more = place.accounts.seal_envelopes(&place.act(&ada), &ada, 1).await;
    assert!(matches!(more, Err(AccountError::Beyond(_))), "no further envelopes");
    let id = place.accounts.emergencies().await.unwrap()[0].0.id;
    let own = place.accounts.review_emergency(&place.act(&ada), &ada, id).await;
    assert!(matches!(own, Err(AccountError::Beyond(_))), "somebody else reviews");
    for _ in 0..4 {
        place.hands.forward(14 * MINUTE_US);
        assert!(place.session(&token).await.is_some());
    }
    place.hands.forward(4 * MINUTE_US);
    assert!(place.session(&token).await.is_none(), "an hour is over");
    assert!(!place.accounts.still_holds(&ada).await);

    assert!(
        matches!(place.open(words[0].expose_secret()).await, Err(AccountError::Credentials)),
        "spent"
    );
    let token = place.open(words[1].expose_secret()).await.unwrap();
    place.hands.forward(16 * MINUTE_US);
    assert!(place.session(&token).await.is_none(), "a quarter of an hour without a request");
}

async fn wrong_words_lock_every_envelope(on: On, clock: Clock) {
    let place = Place::new((on, clock)).await;
    let operator = Session::of_same_uid(0);
    assert!(matches!(place.open("no envelope at all").await, Err(AccountError::Credentials)));
    let act = place.act(&operator);
    let words = place.accounts.seal_envelopes(&act, &operator, 1).await.unwrap();
    for _ in 0..4 {
        assert!(matches!(place.open("wrong words").await, Err(AccountError::Credentials)));
    }
    let right = words[0].expose_secret();
    assert!(matches!(place.open(right).await, Err(AccountError::Credentials)), "locked");
    place.hands.forward(31 * MINUTE_US);
    place.open(right).await.unwrap();
}

async fn an_emergency_is_reviewed_or_said_again(on: On, clock: Clock) {
    let place = Place::new((on, clock)).await;
    let operator = Session::of_same_uid(0);
    let act = place.act(&operator);
    let words = place.accounts.seal_envelopes(&act, &operator, 1).await.unwrap();
    place.open(words[0].expose_secret()).await.unwrap();
    let said = || async {
        let filter = store::AuditFilter {
            action: Some("breakglass.unreviewed".to_owned()),
            ..store::AuditFilter::default()
        };
        place.home.store.audit_records(&filter, None, 10).await.unwrap().len()
    };
    place.accounts.remind_of_emergencies().await.unwrap();
    assert_eq!(said().await, 0);
    for day in 1..=2 {
        place.hands.forward(25 * HOUR_US);
        place.accounts.remind_of_emergencies().await.unwrap();
        place.accounts.remind_of_emergencies().await.unwrap();
        assert_eq!(said().await, day);
    }
    let id = place.accounts.emergencies().await.unwrap()[0].0.id;
    place.accounts.review_emergency(&place.act(&operator), &operator, id).await.unwrap();
    place.hands.forward(25 * HOUR_US);
    place.accounts.remind_of_emergencies().await.unwrap();
    assert_eq!(said().await, 2);
}
