use super::*;
use crate::driver::mqtt::{Content, MetricSample, Order, Promise};
use crate::driver::socket::Endpoint;
use crate::tag::{Now, Quality, Timestamp};

struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now::default()
    }
}

fn broker(slot: u32, name: &str) -> ConnectionSettings {
    let options = mqtt::Options {
        version: mqtt::Version::V5,
        client_id: "test".into(),
        login: None,
        persistence: mqtt::Persistence::Clean,
        keep_alive: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        receive_maximum: 10,
        acknowledge: Default::default(),
        will: None,
    };
    // Nobody listens there.
    let endpoint = Endpoint { host: "127.0.0.1".into(), port: 1, tls: None, only_via: None };
    let settings = mqtt::Settings {
        endpoint,
        options,
        packet_limit: 1000,
        qos: mqtt::QoS::AtLeastOnce,
        devices: Vec::new(),
        sparkplug: None,
        edge: None,
        asks: Box::default(),
    };
    let (connection, link) = (ConnectionId(slot), LinkSettings::default());
    ConnectionSettings { connection, name: name.into(), link, protocol: Protocol::Mqtt(settings) }
}

fn order(connection: &str) -> Order {
    let (time, quality) = (Timestamp::from_micros(0), Quality::GOOD);
    let sample = MetricSample { tag: "t".into(), time, value: None, quality, historical: false };
    let content = Content::Metric(sample);
    Order { connection: connection.into(), generation: None, content, promise: Promise::nobody() }
}

/// A slot would say which broker only once the reload has reached the drivers.
#[tokio::test]
async fn an_order_goes_to_the_broker_of_its_name_whatever_its_slot() {
    let (events, _heard) = queue::bounded("events of a test", 64, WhenFull::Wait);
    let port = Port::new(events, Arc::new(Still));
    let mut drivers = Drivers::default();
    drivers.reconfigure(vec![broker(0, "works"), broker(1, "cloud")], &port, Generation(1));
    // The tasks have no turn before this test ends: what is sent waits.
    for number in 0..=ORDERS {
        assert_eq!(drivers.order(order("cloud")).is_ok(), number < ORDERS);
    }
    assert!(drivers.order(order("works")).is_ok(), "the other one has its whole room");
    drivers.reconfigure(vec![broker(0, "cloud")], &port, Generation(2));
    assert!(drivers.order(order("works")).is_err(), "it is gone, and nobody else gets it");
    assert!(drivers.order(order("cloud")).is_err(), "still full");
}
