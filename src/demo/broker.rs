//! The demo's MQTT broker: 3.1.1, QoS 0 and 1, retained messages and wills, on the loopback interface, in a process of its own so that it
//! can be killed. A broker library was left out for it: it would bring a hundred packages, two web servers among them, into a program that
//! needs a broker only to be shown. What Polder claims of MQTT is tested against mosquitto.

use crate::queue::{self, Sender, WhenFull};
use bytes::BytesMut;
use rumqttc::{
    ConnAck, ConnectReturnCode, LastWill, Packet, PubAck, Publish, QoS, SubAck, SubscribeReasonCode, UnsubAck,
};
use std::collections::HashMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

const PACKET_BYTES: usize = 1 << 16;
/// Messages that may wait for a slow subscriber; beyond it they go.
const WAITING: usize = 256;

struct Subscriber {
    filters: Vec<String>,
    messages: Sender<Publish>,
}

#[derive(Default)]
struct Hub {
    subscribers: HashMap<u64, Subscriber>,
    retained: HashMap<String, Publish>,
    next: u64,
}

impl Hub {
    fn publish(&mut self, mut message: Publish) {
        if message.retain {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained.insert(message.topic.clone(), message.clone());
            }
        }
        message.retain = false;
        for subscriber in self.subscribers.values() {
            if subscriber.filters.iter().any(|filter| fits(&message.topic, filter)) {
                let _ = subscriber.messages.try_send(message.clone());
            }
        }
    }
}

fn fits(topic: &str, filter: &str) -> bool {
    topic.is_ascii() && !topic.is_empty() && rumqttc::matches(topic, filter)
}

/// Runs the broker until standard input ends, which is when the demo does.
pub(super) fn run(port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let parent = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            _ = parent => {}
            () = accept(listener) => {}
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener) {
    let hub = Arc::new(Mutex::new(Hub::default()));
    while let Ok((stream, _)) = listener.accept().await {
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            if let Err(error) = Session::new(hub).run(stream).await {
                tracing::debug!("demo broker: {error}");
            }
        });
    }
}

struct Session {
    hub: Arc<Mutex<Hub>>,
    id: u64,
    will: Option<LastWill>,
    next_packet: u16,
}

impl Session {
    fn new(hub: Arc<Mutex<Hub>>) -> Self {
        Self { hub, id: 0, will: None, next_packet: 0 }
    }

    async fn run(mut self, mut stream: TcpStream) -> anyhow::Result<()> {
        let (sender, mut inbox) = queue::bounded("messages for a subscriber of the demo", WAITING, WhenFull::Refuse);
        if let Ok(mut hub) = self.hub.lock() {
            hub.next += 1;
            self.id = hub.next;
            hub.subscribers.insert(self.id, Subscriber { filters: Vec::new(), messages: sender });
        }
        let outcome = self.converse(&mut stream, &mut inbox).await;
        if let Ok(mut hub) = self.hub.lock() {
            hub.subscribers.remove(&self.id);
            if let Some(will) = self.will.take() {
                let mut message = Publish::new(will.topic, will.qos, will.message.to_vec());
                message.retain = will.retain;
                hub.publish(message);
            }
        }
        outcome
    }

    async fn converse(&mut self, stream: &mut TcpStream, inbox: &mut Receiver<Publish>) -> anyhow::Result<()> {
        let (mut received, mut out) = (BytesMut::new(), BytesMut::new());
        loop {
            loop {
                match Packet::read(&mut received, PACKET_BYTES) {
                    Ok(Packet::Disconnect) => {
                        self.will = None;
                        return Ok(());
                    }
                    Ok(packet) => self.take(packet, &mut out)?,
                    Err(rumqttc::Error::InsufficientBytes(_)) => break,
                    Err(error) => anyhow::bail!("{error}"),
                }
            }
            stream.write_all_buf(&mut out).await?;
            tokio::select! {
                read = stream.read_buf(&mut received) => if read? == 0 { return Ok(()) },
                Some(mut message) = inbox.recv() => {
                    if message.qos != QoS::AtMostOnce {
                        self.next_packet = self.next_packet % 60_000 + 1;
                        message.pkid = self.next_packet;
                    }
                    write(&Packet::Publish(message), &mut out)?;
                }
            }
        }
    }

    fn take(&mut self, packet: Packet, out: &mut BytesMut) -> anyhow::Result<()> {
        match packet {
            Packet::Connect(connect) => {
                self.will = connect.last_will;
                write(&Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)), out)
            }
            Packet::Subscribe(subscribe) => {
                let codes = subscribe.filters.iter().map(|filter| SubscribeReasonCode::Success(least(filter.qos)));
                write(&Packet::SubAck(SubAck::new(subscribe.pkid, codes.collect())), out)?;
                self.subscribe(subscribe.filters.into_iter().map(|filter| filter.path).collect(), out)
            }
            Packet::Unsubscribe(unsubscribe) => write(&Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)), out),
            Packet::Publish(mut publish) => {
                if publish.qos == QoS::AtLeastOnce {
                    write(&Packet::PubAck(PubAck::new(publish.pkid)), out)?;
                }
                publish.dup = false;
                publish.qos = least(publish.qos);
                if let Ok(mut hub) = self.hub.lock() {
                    hub.publish(publish);
                }
                Ok(())
            }
            Packet::PingReq => write(&Packet::PingResp, out),
            _ => Ok(()),
        }
    }

    fn subscribe(&mut self, filters: Vec<String>, out: &mut BytesMut) -> anyhow::Result<()> {
        let Ok(mut hub) = self.hub.lock() else { return Ok(()) };
        let kept: Vec<Publish> = hub
            .retained
            .values()
            .filter(|message| filters.iter().any(|filter| fits(&message.topic, filter)))
            .cloned()
            .collect();
        if let Some(subscriber) = hub.subscribers.get_mut(&self.id) {
            subscriber.filters.extend(filters);
        }
        drop(hub);
        for mut message in kept {
            message.qos = QoS::AtMostOnce;
            message.retain = true;
            write(&Packet::Publish(message), out)?;
        }
        Ok(())
    }
}

fn write(packet: &Packet, out: &mut BytesMut) -> anyhow::Result<()> {
    packet.write(out, PACKET_BYTES).map(|_| ()).map_err(|error| anyhow::anyhow!("{error}"))
}

/// QoS 2 is not kept up here: it is granted and served as 1.
fn least(quality: QoS) -> QoS {
    if quality == QoS::ExactlyOnce { QoS::AtLeastOnce } else { quality }
}
