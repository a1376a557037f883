//! Listeners with intakes that a test can steer.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use config::Name;
use connectors::mllp::{
    Client, Listener, ListenerSettings, ListenerStats, Received, Receiver, Replies,
};
use connectors::{Answer, BrokenFrame, Flow, Incoming, Intake, Refusal, Resources};
use net::{Dialer, Target};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A listener at work.
pub struct Running {
    pub address: SocketAddr,
    pub flow: watch::Sender<Flow>,
    pub stats: Arc<ListenerStats>,
    pub done: JoinHandle<()>,
}

/// The defaults on a port of the system's choice.
pub fn settings() -> ListenerSettings {
    ListenerSettings::new("127.0.0.1:0".parse().unwrap())
}

/// Runs a listener with this intake.
pub async fn run(settings: ListenerSettings, intake: Arc<dyn Intake>) -> Running {
    run_sharing(settings, intake, &Resources::default()).await
}

/// Runs a listener with limits shared with others.
pub async fn run_sharing(
    settings: ListenerSettings,
    intake: Arc<dyn Intake>,
    resources: &Resources,
) -> Running {
    let listener = Listener::bind(settings, &Name::new("adt").unwrap(), resources).await.unwrap();
    let (address, stats) = (listener.address(), listener.stats());
    let (flow, changes) = watch::channel(Flow::Read);
    let done = tokio::spawn(listener.run(intake, changes));
    Running { address, flow, stats, done }
}

/// Runs a listener that answers as told.
pub async fn answering(
    settings: ListenerSettings,
    replies: Replies,
) -> (Running, mpsc::Receiver<Received>) {
    let (receiver, received) = Receiver::new(replies);
    (run(settings, Arc::new(receiver)).await, received)
}

/// A connection to a listener.
pub async fn client(address: SocketAddr) -> Client {
    Client::connect(&Dialer::default(), &target(address)).await.unwrap()
}

/// A receiver as a configuration names it.
pub fn target(address: SocketAddr) -> Target {
    crate::settings::target(&format!("address = '{address}'")).unwrap()
}

/// A message with this control id.
pub fn message(id: &str) -> Bytes {
    Bytes::from(format!(
        "MSH|^~\\&|EHR|HOSP|LAB|MAIN|20260101120000||ADT^A01^ADT_A01|{id}|P|2.5.1\rPID|1||4711\r"
    ))
}

/// The control id an answer is for.
pub fn answered(answer: &[u8]) -> (String, String) {
    let reply = hl7::read_reply(answer).unwrap();
    (
        reply.code.map_or("", hl7::AckCode::as_str).to_owned(),
        String::from_utf8(reply.control_id).unwrap(),
    )
}

/// An intake whose answers the test gives.
pub struct Manual(mpsc::UnboundedSender<Handed>);

/// What a manual intake was handed.
pub enum Handed {
    Frame(Bytes, oneshot::Sender<Answer>),
    Refused(Bytes, &'static str, oneshot::Sender<Answer>),
    Fragment(Bytes, BrokenFrame),
}

impl Manual {
    pub fn new() -> (Arc<Manual>, mpsc::UnboundedReceiver<Handed>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Manual(sender)), receiver)
    }
}

impl Handed {
    pub fn frame(self) -> (Bytes, oneshot::Sender<Answer>) {
        match self {
            Handed::Frame(body, answer) => (body, answer),
            Handed::Refused(bytes, why, _) => panic!("refused {why}: {bytes:?}"),
            Handed::Fragment(bytes, why) => panic!("fragment {why:?}: {bytes:?}"),
        }
    }

    pub fn fragment(self) -> (Bytes, BrokenFrame) {
        match self {
            Handed::Frame(body, ..) | Handed::Refused(body, ..) => panic!("frame {body:?}"),
            Handed::Fragment(bytes, why) => (bytes, why),
        }
    }
}

impl Intake for Manual {
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Handed::Frame(incoming.body, answer)).ok();
        Box::pin(async move { answered.await.unwrap_or(Answer::Close) })
    }

    fn refuse(
        &self,
        incoming: Incoming,
        why: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Handed::Refused(incoming.body, why.code, answer)).ok();
        Box::pin(async move { answered.await.unwrap_or(Answer::Close) })
    }

    fn fragment(
        &self,
        incoming: Incoming,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.send(Handed::Fragment(incoming.body, why)).ok();
        Box::pin(std::future::ready(()))
    }
}

/// An intake that accepts everything and says where it came from: the place, and the batch.
pub struct Places(mpsc::UnboundedSender<(String, Option<String>)>);

impl Places {
    pub fn new() -> (Arc<Places>, mpsc::UnboundedReceiver<(String, Option<String>)>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Places(sender)), receiver)
    }
}

impl Intake for Places {
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let batch = incoming.batch.as_deref().map(str::to_owned);
        self.0.send((incoming.peer.place.to_string(), batch)).ok();
        Box::pin(std::future::ready(Answer::Silent))
    }

    fn refuse(
        &self,
        incoming: Incoming,
        _: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.receive(incoming)
    }

    fn fragment(&self, _: Incoming, _: BrokenFrame) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}
