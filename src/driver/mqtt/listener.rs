//! The session of an ear: it is there while somebody listens, and leaves no trace at the broker.

use super::ear::{Ear, Hearing, Wish};
use super::session::{Event, Message};
use super::topics::Heard;
use super::{Client, Options, Persistence, QoS, Settings, Subscription};
use crate::driver::backoff::Backoff;
use crate::tag::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// What the client identifier of the station gets, so that a broker tells the two sessions apart.
const SUFFIX: &str = "-look";

/// Listens whenever somebody wants to, for as long as the connection stands in the station file. Never ready: its owner stops it.
pub async fn listen(settings: Settings, clock: Arc<dyn Clock>, ear: Arc<Ear>) {
    let mut wishes = ear.wishes();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut before = None;
    loop {
        let wish = wanted(&mut wishes, &ear).await;
        // What another filter let through, or what was heard long ago, is no answer to this wish.
        if before.as_ref() != Some(&wish.filter) {
            ear.clear();
        }
        before = Some(Arc::clone(&wish.filter));
        let mut hearing = Session::new(&settings, &wish, &clock, &ear);
        let why = tokio::select! {
            why = hearing.run() => why,
            () = changed(&mut wishes, &wish) => {
                hearing.client.leave().await;
                backoff.succeed();
                if wishes.borrow().listeners == 0 {
                    before = None;
                }
                continue;
            }
        };
        if hearing.was_up {
            backoff.succeed();
        }
        ear.tell(Hearing::Failed(why));
        tokio::select! {
            () = tokio::time::sleep(backoff.fail()) => {}
            () = changed(&mut wishes, &wish) => backoff.succeed(),
        }
    }
}

/// Waits until somebody listens. While nobody does, nothing is kept.
async fn wanted(wishes: &mut watch::Receiver<Wish>, ear: &Ear) -> Wish {
    if wishes.borrow().listeners == 0 {
        ear.tell(Hearing::Off);
        ear.clear();
    }
    let wanted = wishes.wait_for(|wish| wish.listeners > 0).await.map(|wish| wish.clone());
    match wanted {
        Ok(wish) => wish,
        // The ear belongs to whoever runs this: it is not dropped before.
        Err(_) => std::future::pending().await,
    }
}

/// Waits until something else is wished for, or nothing any more.
async fn changed(wishes: &mut watch::Receiver<Wish>, wish: &Wish) {
    let is_other = |now: &Wish| now.listeners == 0 || now.filter != wish.filter;
    if wishes.wait_for(is_other).await.is_err() {
        std::future::pending::<()>().await;
    }
}

struct Session<'a> {
    client: Client,
    filter: Arc<str>,
    clock: &'a Arc<dyn Clock>,
    ear: &'a Ear,
    was_up: bool,
}

impl<'a> Session<'a> {
    fn new(settings: &Settings, wish: &Wish, clock: &'a Arc<dyn Clock>, ear: &'a Ear) -> Self {
        let options = Options {
            client_id: format!("{}{SUFFIX}", settings.options.client_id).into(),
            persistence: Persistence::Clean,
            will: None,
            ..settings.options.clone()
        };
        let client = Client::new(settings.endpoint.clone(), options, settings.packet_limit, Arc::clone(clock));
        Self { client, filter: Arc::clone(&wish.filter), clock, ear, was_up: false }
    }

    /// Hears until the connection ends; why it did.
    async fn run(&mut self) -> String {
        self.ear.tell(Hearing::Connecting);
        let filter = Subscription::new(Arc::clone(&self.filter), QoS::AtMostOnce);
        let connected = self.client.connect().await.and_then(|()| self.client.want(vec![filter]));
        if let Err(end) = connected {
            return end.to_string();
        }
        loop {
            let turned = self.client.turn().await;
            while let Some(event) = self.client.event() {
                if let Err(why) = self.take(event) {
                    self.client.leave().await;
                    return why;
                }
            }
            if let Err(end) = turned {
                return end.to_string();
            }
            // A broker that floods keeps this session always ready: others have their turn.
            tokio::task::yield_now().await;
        }
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Up { .. } => self.was_up = true,
            Event::Ready => self.ear.tell(Hearing::On { since: self.clock.now().utc }),
            Event::Refused { why, .. } => return Err(why),
            Event::Message(message) => self.hear(&message),
            Event::TooLarge { topic, bytes } => self.ear.leave_out(&topic, bytes, self.clock.now()),
            Event::Exceeded(_) | Event::Released(_) | Event::SessionLost | Event::Published(..) | Event::Down => {}
        }
        Ok(())
    }

    fn hear(&self, message: &Message) {
        let heard = Heard {
            topic: &message.topic,
            payload: &message.payload,
            length_bytes: message.payload.len(),
            retained: message.retained,
        };
        self.ear.hear(heard, self.clock.now());
    }
}
