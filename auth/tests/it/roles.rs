//! Roles of the site's own: no more than their maker holds, and everybody's at once.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{
    AccountError, AccountRules, Accounts, Cost, CustomRole, Login, NewPerson, Permission, Session,
    TokenOrder, grants,
};
use config::SecondFactorPolicy;
use phi::Secret;
use store::{Act, Granted, Scope, Source};

use crate::home::{Clock, Home, On, name, on_both};

on_both!(
    a_role_is_no_more_than_its_maker_holds,
    a_changed_role_counts_at_once,
    a_role_that_somebody_has_stays,
    reading_messages_needs_a_second_person,
);

const PASSWORD: &str = "correct horse battery staple";

struct Place {
    home: Home,
    accounts: Arc<Accounts>,
    now_us: fn() -> i64,
}

fn source() -> Source {
    Source { address: Some(SocketAddr::from(([127, 0, 0, 1], 50_000))), via: "api" }
}

fn grant(role: &str) -> Granted {
    Granted { role: role.to_owned(), scope: Scope::All }
}

fn made(role: &str, permissions: &[Permission]) -> CustomRole {
    CustomRole { name: name(role), doc: "A test".to_owned(), permissions: permissions.to_vec() }
}

impl Place {
    async fn new((on, (_, now_us)): (On, Clock), approvals: bool) -> Place {
        let home = Home::on(on, now_us).await;
        let rules = AccountRules {
            node: "node".to_owned(),
            second_factor: SecondFactorPolicy::Optional,
            directory: None,
            approvals,
        };
        let opened = Accounts::open(home.store.clone(), home.data(), rules, (now_us, Cost::LEAST));
        Place { accounts: Arc::new(opened.await.unwrap()), home, now_us }
    }

    fn act(&self, by: &Session, action: &'static str) -> Act {
        let actor = by.actor().clone();
        let now_us = (self.now_us)();
        Act { actor, action, purpose: None, approval: None, request: None, now_us }
    }

    async fn person(&self, user: &str, roles: &[&str]) -> Session {
        let operator = Session::of_same_uid(0);
        let grants = roles.iter().map(|role| grant(role)).collect();
        let password = Secret::new(PASSWORD.to_owned());
        let new = NewPerson { name: name(user), password, grants };
        self.accounts.add(&self.act(&operator, "user.add"), &operator, new).await.unwrap();
        self.sign_in(user).await
    }

    async fn sign_in(&self, user: &str) -> Session {
        let password = Secret::new(PASSWORD.to_owned());
        let login = Login { name: user.to_owned(), password, code: None };
        let token = self.accounts.sign_in(login, source()).await.unwrap().token;
        self.accounts.recognise(&token, source()).await.unwrap().unwrap()
    }

    async fn add(&self, by: &Session, role: CustomRole) -> Result<(), AccountError> {
        self.accounts.add_role(&self.act(by, "role.add"), by, role).await
    }

    async fn set(&self, by: &Session, role: CustomRole) -> Result<(), AccountError> {
        self.accounts.set_role(&self.act(by, "role.set"), by, role).await
    }

    async fn remove(&self, by: &Session, role: &str) -> Result<(), AccountError> {
        self.accounts.remove_role(&self.act(by, "role.remove"), by, &name(role)).await
    }
}

async fn a_role_is_no_more_than_its_maker_holds(on: On, clock: Clock) {
    use Permission::*;
    let place = Place::new((on, clock), false).await;
    let owner = place.person("ada", &["system-owner"]).await;
    let operator = Session::of_same_uid(0);
    for (by, role) in [
        (&owner, made("operator", &[MonitorRead])),
        (&owner, made("empty", &[])),
        (&operator, made("grave", &[MonitorRead, RoleManage])),
        (&operator, made("grave", &[UserManage])),
        (&operator, made("grave", &[ApprovalDecide])),
        (&owner, CustomRole { doc: "two\nlines".to_owned(), ..made("long", &[MonitorRead]) }),
    ] {
        let refused = place.add(by, role.clone()).await;
        assert!(matches!(refused, Err(AccountError::Invalid(_))), "{role:?}: {refused:?}");
    }
    let beyond = place.add(&owner, made("reader", &[MessageBody])).await;
    assert!(matches!(beyond, Err(AccountError::Beyond(_))), "an owner reads no messages");
    place.add(&owner, made("watch", &[MonitorRead, MonitorRead, ConnectionControl])).await.unwrap();
    assert!(matches!(
        place.add(&owner, made("watch", &[MonitorRead])).await,
        Err(AccountError::Refused(_))
    ));
    let known = place.accounts.custom_roles();
    let held: Vec<_> = known.iter().map(|role| role.permissions.clone()).collect();
    assert_eq!(held, [vec![MonitorRead, ConnectionControl]]);
    // Whoever holds less neither changes nor removes it, nor gives it.
    let admin = place.person("sam", &["security-admin"]).await;
    assert!(admin.permit::<grants::RoleManage>().is_some());
    assert!(matches!(
        place.set(&admin, made("watch", &[MonitorRead])).await,
        Err(AccountError::Beyond(_))
    ));
    assert!(matches!(place.remove(&admin, "watch").await, Err(AccountError::Beyond(_))));
    let given = place
        .accounts
        .set_grants(&place.act(&admin, "user.grants"), &admin, &name("ada"), vec![grant("watch")])
        .await;
    assert!(matches!(given, Err(AccountError::Beyond(_))));
    assert!(matches!(place.remove(&owner, "nowhere").await, Err(AccountError::Absent(_))));
}

async fn a_changed_role_counts_at_once(on: On, clock: Clock) {
    use Permission::*;
    let place = Place::new((on, clock), false).await;
    let owner = place.person("ada", &["system-owner"]).await;
    place.add(&owner, made("watch", &[MonitorRead, ConnectionControl])).await.unwrap();
    let nils = place.person("nils", &["watch"]).await;
    assert!(nils.permit::<grants::ConnectionControl>().is_some());
    let order = TokenOrder {
        name: name("bot"),
        grants: vec![grant("watch")],
        networks: vec!["127.0.0.0/8".to_owned()],
        ttl_us: None,
    };
    let token =
        place.accounts.add_token(&place.act(&owner, "token.add"), &owner, order).await.unwrap();
    let bot = place.accounts.recognise(&token, source()).await.unwrap().unwrap();
    assert!(place.accounts.still_holds(&nils).await && place.accounts.still_holds(&bot).await);

    place.set(&owner, made("watch", &[MonitorRead])).await.unwrap();
    assert!(!place.accounts.still_holds(&nils).await, "the session has ended");
    assert!(!place.accounts.still_holds(&bot).await, "a stream of the program ends");
    for session in [
        place.sign_in("nils").await,
        place.accounts.recognise(&token, source()).await.unwrap().unwrap(),
    ] {
        assert!(session.permit::<grants::ConnectionControl>().is_none());
        assert!(session.permit::<grants::MonitorRead>().is_some());
    }
    // A life later it is the same.
    let rules = AccountRules {
        node: "node".to_owned(),
        second_factor: SecondFactorPolicy::Optional,
        directory: None,
        approvals: false,
    };
    let again = Accounts::open(
        place.home.store.clone(),
        place.home.data(),
        rules,
        (place.now_us, Cost::LEAST),
    )
    .await
    .unwrap();
    let bot = again.recognise(&token, source()).await.unwrap().unwrap();
    assert!(bot.permit::<grants::MonitorRead>().is_some());
    assert!(bot.permit::<grants::ConnectionControl>().is_none());
}

async fn a_role_that_somebody_has_stays(on: On, clock: Clock) {
    use Permission::*;
    let place = Place::new((on, clock), false).await;
    let owner = place.person("ada", &["system-owner"]).await;
    place.add(&owner, made("watch", &[MonitorRead])).await.unwrap();
    place.person("nils", &["watch"]).await;
    assert!(matches!(place.remove(&owner, "watch").await, Err(AccountError::Refused(_))));
    let act = place.act(&owner, "user.grants");
    place.accounts.set_grants(&act, &owner, &name("nils"), vec![grant("viewer")]).await.unwrap();
    place.remove(&owner, "watch").await.unwrap();
    let gone = place.accounts.set_grants(&act, &owner, &name("nils"), vec![grant("watch")]).await;
    assert!(matches!(gone, Err(AccountError::Invalid(_))), "{gone:?}");
    // Nobody changes a role that they have themselves.
    place.add(&owner, made("own", &[MonitorRead])).await.unwrap();
    let bea = place.person("bea", &["system-owner", "own"]).await;
    assert!(matches!(
        place.set(&bea, made("own", &[ChannelRead])).await,
        Err(AccountError::Beyond(_))
    ));
    assert!(matches!(place.remove(&bea, "own").await, Err(AccountError::Beyond(_))));
}

async fn reading_messages_needs_a_second_person(on: On, clock: Clock) {
    use Permission::*;
    let place = Place::new((on, clock), true).await;
    let operator = Session::of_same_uid(0);
    // Somebody who may make roles and read messages.
    let chief = place.person("chief", &["system-owner", "message-steward"]).await;
    place.add(&chief, made("watch", &[MonitorRead])).await.unwrap();
    place.set(&chief, made("watch", &[MonitorRead, MessageBody])).await.unwrap();
    place.set(&chief, made("watch", &[MonitorRead])).await.unwrap();
    place.person("nils", &["watch"]).await;
    let asked = place.set(&chief, made("watch", &[MonitorRead, MessageBody])).await;
    assert!(matches!(asked, Err(AccountError::ApprovalNeeded { .. })), "{asked:?}");
    assert!(place.sign_in("nils").await.permit::<grants::MessageBody>().is_none());
    place.set(&operator, made("watch", &[MonitorRead, MessageBody])).await.unwrap();
    assert!(place.sign_in("nils").await.permit::<grants::MessageBody>().is_some());
    // And so does giving such a role.
    let act = place.act(&chief, "user.grants");
    place.person("vera", &["viewer"]).await;
    let asked = place.accounts.set_grants(&act, &chief, &name("vera"), vec![grant("watch")]).await;
    assert!(matches!(asked, Err(AccountError::ApprovalNeeded { .. })), "{asked:?}");
}
