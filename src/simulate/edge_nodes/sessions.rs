//! The sessions of a stand-in with its broker, one after the other.

use super::{EVERY, Origin, StandIn};
use crate::driver::mqtt::sparkplug::edge::{EdgeEffect, EdgeMessage, EdgeNode, EdgeSample, EdgeSettings};
use crate::queue::{self, WhenFull};
use crate::simulate::server::{Shared, say};
use crate::simulate::values::value_at;
use crate::tag::{Now, Quality, Scaling, Value};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use std::collections::HashMap;
use std::sync::Arc;

/// Messages that may wait for the socket beside one for each metric.
const WAITING: usize = 256;
/// Packets of the broker that may wait to be looked at.
const HEARD: usize = 16;
/// Bytes of a message: a birth holds all metrics.
const LONGEST: usize = 16 << 20;

impl StandIn {
    /// How many metrics it tells.
    pub(in crate::simulate) fn metrics(&self) -> usize {
        self.settings.metrics.len()
    }

    /// Announces itself and tells what changes, for ever; a connection that breaks is one session less.
    pub(in crate::simulate) async fn run(self, shared: Shared) {
        let mut node = EdgeNode::new(self.settings.clone(), None);
        let mut said = false;
        loop {
            let death = node.connect(shared.clock.now().utc);
            let (client, events) = self.client(death);
            let why = self.session(&mut node, &client, events, &shared, &mut said).await;
            node.lost();
            if !std::mem::replace(&mut said, true) {
                let EdgeSettings { group, node, .. } = &self.settings;
                say(&format!("the edge node {group}/{node} at {}:{}: {why}; it is tried again", self.host, self.port));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn client(&self, death: EdgeMessage) -> (AsyncClient, EventLoop) {
        let name = format!("{}-{}-stand-in", self.settings.group, self.settings.node);
        let mut options = MqttOptions::new(name, self.host.clone(), self.port);
        options.set_keep_alive(self.keep_alive);
        if let Some(login) = &self.login {
            options.set_credentials(&*login.user, login.password.as_deref().unwrap_or_default());
        }
        options.set_max_packet_size(LONGEST, LONGEST);
        options.set_last_will(LastWill::new(death.topic, death.payload, QoS::AtLeastOnce, false));
        AsyncClient::new(options, WAITING + self.metrics())
    }

    /// One connection; why it ended.
    async fn session(
        &self,
        node: &mut EdgeNode,
        client: &AsyncClient,
        mut events: EventLoop,
        shared: &Shared,
        said: &mut bool,
    ) -> String {
        let mut unconfirmed = 0;
        for filter in node.filters() {
            if client.try_subscribe(filter, QoS::AtLeastOnce).is_ok() {
                unconfirmed += 1;
            }
        }
        // A session that is begun lives in what is polled: whoever drops that at a tick begins it anew, with a slow broker for ever.
        let (heard, mut inbox) = queue::bounded("packets for a stand-in", HEARD, WhenFull::Wait);
        let polled = async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(packet)) => {
                        if heard.send(packet).await.is_err() {
                            return "nobody listens any more".to_owned();
                        }
                    }
                    Ok(Event::Outgoing(_)) => {}
                    Err(error) => return error.to_string(),
                }
            }
        };
        tokio::pin!(polled);
        let mut told = HashMap::new();
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            let mut effects = Vec::new();
            tokio::select! {
                why = &mut polled => return why,
                Some(packet) = inbox.recv() => match packet {
                    Packet::SubAck(_) => {
                        unconfirmed -= 1;
                        if unconfirmed == 0 {
                            *said = false;
                            self.tell(node, shared, &mut told, &mut effects);
                            node.ready(shared.clock.now().utc, &mut effects);
                        }
                    }
                    Packet::Publish(message) => {
                        node.message(&message.topic, &message.payload, message.retain, shared.clock.now(), &mut effects);
                    }
                    _ => {}
                },
                _ = ticks.tick() => {
                    node.pass_time(shared.clock.now(), &mut effects);
                    self.tell(node, shared, &mut told, &mut effects);
                }
            }
            for effect in effects {
                if let Err(why) = self.carry_out(effect, client, shared) {
                    return why;
                }
            }
        }
    }

    fn carry_out(&self, effect: EdgeEffect, client: &AsyncClient, shared: &Shared) -> Result<(), String> {
        match effect {
            EdgeEffect::Publish(EdgeMessage { topic, payload, qos }) => {
                let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                // A message that is left out would leave a gap: then it begins anew.
                client.try_publish(topic, qos, false, payload).map_err(|error| error.to_string())?;
            }
            EdgeEffect::Set { tag, value } => {
                if let Some(Origin::Tag(tag, scaling)) = self.origins.get(&tag) {
                    shared.with(|field, seconds| field.write(*tag, scaled(&value, *scaling), seconds));
                }
            }
            EdgeEffect::Fault(words) => say(&words),
            EdgeEffect::Disconnect => {}
        }
        Ok(())
    }

    /// Tells what is another value than before.
    fn tell(
        &self,
        node: &mut EdgeNode,
        shared: &Shared,
        told: &mut HashMap<Arc<str>, Value>,
        effects: &mut Vec<EdgeEffect>,
    ) {
        let now = shared.clock.now();
        for metric in &self.settings.metrics {
            let Some(value) = self.value(&metric.tag, shared).filter(|value| told.get(&metric.tag) != Some(value))
            else {
                continue;
            };
            effects.extend(self.sample(node, &metric.tag, &value, now));
            told.insert(Arc::clone(&metric.tag), value);
        }
    }

    fn sample(&self, node: &mut EdgeNode, tag: &Arc<str>, value: &Value, now: Now) -> Vec<EdgeEffect> {
        let sample = EdgeSample { time: now.utc, value: Some(value.clone()), quality: Quality::GOOD };
        // Before the birth nothing is told: the birth says it.
        let messages = node.sample(tag, sample, false, now).unwrap_or_default();
        messages.into_iter().map(EdgeEffect::Publish).collect()
    }

    /// What a metric says now: before the station scales it, and with no more digits than an instrument has.
    fn value(&self, metric: &Arc<str>, shared: &Shared) -> Option<Value> {
        let (value, is_written) = match self.origins.get(metric)? {
            Origin::Course(course) => (value_at(course, if self.still { 0.0 } else { shared.seconds() }), false),
            Origin::Tag(tag, scaling) => {
                let said =
                    shared.with(|field, seconds| Some((field.value(*tag, seconds)?, field.is_written(*tag, seconds))));
                let (value, is_written) = said??;
                let raw = match (value.as_f64(), scaling) {
                    (Some(number), Some(scaling)) => Value::Double(scaling.to_raw(number)),
                    _ => value,
                };
                (raw, is_written)
            }
        };
        Some(match value {
            Value::Double(number) if !is_written => Value::Double(format!("{number:.5e}").parse().unwrap_or(number)),
            other => other,
        })
    }
}

/// What was set, in engineering units.
fn scaled(value: &Value, scaling: Option<Scaling>) -> Value {
    match (value.as_f64(), scaling) {
        (Some(number), Some(scaling)) => Value::Double(scaling.to_engineering(number)),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plant_of, stand_ins_of};
    use super::*;
    use crate::simulate::plant::Field;
    use crate::tag::Clock;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;

    /// A clock that goes on when it is asked, as it is once and more at each tick of a session.
    #[derive(Default)]
    struct Counted(AtomicU64, Notify);

    impl Clock for Counted {
        fn now(&self) -> Now {
            self.1.notify_one();
            Now::default().plus(Duration::from_millis(self.0.fetch_add(1, Ordering::SeqCst)))
        }
    }

    const STATION: &str = r#"{"connections":[{"name":"site","mqtt":{"url":"mqtt://127.0.0.1","sparkplug":{"host_id":"h"}}}],
        "devices":[{"name":"e","connection":"site","sparkplug":"north/edge"}],"tags":[{"name":"load","device":"e","metric":"Load"}]}"#;

    /// The kind of the next packet; none where the connection is over.
    async fn packet(stream: &mut TcpStream) -> Option<u8> {
        let (kind, length) = (stream.read_u8().await.ok()?, stream.read_u8().await.ok()?);
        assert!(length < 128, "the packets of this test are short");
        stream.read_exact(&mut vec![0; usize::from(length)]).await.ok()?;
        Some(kind >> 4)
    }

    /// Answers after two ticks at least, each of which asks for the time three times; what comes next.
    async fn slow_broker(listener: TcpListener, clock: Arc<Counted>) -> Option<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(packet(&mut stream).await, Some(1), "CONNECT");
        let before = clock.0.load(Ordering::SeqCst);
        while clock.0.load(Ordering::SeqCst) < before + 5 {
            clock.1.notified().await;
        }
        stream.write_all(&[0x20, 2, 0, 0]).await.ok()?;
        packet(&mut stream).await
    }

    #[tokio::test]
    async fn a_broker_that_answers_slowly_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Arc::new(Counted::default());
        let field = Arc::new(Mutex::new(Field::new(&plant_of(STATION), 1, true)));
        let shared = Shared { field, clock: Arc::clone(&clock) as Arc<dyn Clock> };
        let port = listener.local_addr().unwrap().port();
        let stand_in = stand_ins_of(STATION, 0).into_iter().map(|one| StandIn { port, ..one }).next().unwrap();
        let session = tokio::spawn(stand_in.run(shared));
        let next = tokio::time::timeout(Duration::from_secs(20), slow_broker(listener, clock)).await;
        session.abort();
        assert_eq!(next, Ok(Some(8)), "SUBSCRIBE, on the connection that was begun");
    }
}
