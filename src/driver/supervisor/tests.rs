use super::*;
use crate::command::{CommandRequest, CommandSettings, Confirmation, Facts, authorise};
use crate::driver::mqtt::{Content, MetricSample, Order, Promise};
use crate::driver::socket::Endpoint;
use crate::tag::{Now, Quality, TagId, Timestamp, Value};
use crate::{access::Principal, audit::MemoryStore, audit::commit};

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
    let endpoint = Endpoint { host: "127.0.0.1".into(), port: 1, tls: None, only_via: None, is_slow: false };
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
    Order { connection: connection.into(), generation: None, driver: None, content, promise: Promise::nobody() }
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

/// Sets the tag in slot 0.
fn command(generation: u32) -> Dispatch {
    let settings = CommandSettings::default();
    let request = CommandRequest {
        id: "r".into(),
        tag: "t".into(),
        value: Value::Double(5.0),
        value_seen: None,
        reason: "test".into(),
        principal: Principal::person("anna"),
        expires: Timestamp::from_micros(30_000_000),
    };
    let (quality, settings) = (Quality::GOOD, Some(&settings));
    let facts = Facts { tag: TagId(0), settings, value: None, quality, unreachable: None, manual: false };
    let authorised = authorise(request.confirm(Confirmation::Dialog), facts, Now::default()).unwrap();
    let receipts = commit(&mut MemoryStore::default(), &[authorised.draft(Now::default())]).unwrap();
    authorised.dispatch(&receipts[0], Generation(generation)).unwrap()
}

/// The engine knows the next plant before the drivers do: what is given in between goes where that plant says.
#[tokio::test]
async fn a_command_of_the_next_plant_waits_until_the_drivers_know_it() {
    let (events, _heard) = queue::bounded("events of a test", 64, WhenFull::Wait);
    let port = Port::new(events, Arc::new(Still));
    let mut drivers = Drivers::default();
    drivers.reconfigure(vec![broker(0, "works"), broker(1, "cloud")], &port, Generation(1));
    assert!(drivers.dispatch(ConnectionId(0), command(2)).is_ok());
    for _ in 0..COMMANDS {
        assert!(drivers.dispatch(ConnectionId(0), command(1)).is_ok(), "it is not in the works' queue");
    }
    drivers.reconfigure(vec![broker(0, "cloud")], &port, Generation(2));
    for number in 1..=COMMANDS {
        assert_eq!(drivers.dispatch(ConnectionId(0), command(2)).is_ok(), number < COMMANDS, "it is in the cloud's");
    }
    for _ in 0..EARLY {
        assert!(drivers.dispatch(ConnectionId(0), command(3)).is_ok());
    }
    assert!(drivers.dispatch(ConnectionId(0), command(3)).is_err(), "they have a bound");
    drivers.leave().await;
    assert!(drivers.dispatch(ConnectionId(0), command(3)).is_err(), "there is no next plant any more");
    drivers.reconfigure(vec![broker(0, "works")], &port, Generation(3));
    assert!(drivers.running.is_empty(), "nor are there tasks");
}

/// Another broker behind the same name never hears what was asked at the one before.
#[tokio::test]
async fn an_answer_goes_out_where_it_was_asked_or_not_at_all() {
    let (events, _heard) = queue::bounded("events of a test", 64, WhenFull::Wait);
    let port = Port::new(events, Arc::new(Still));
    let mut drivers = Drivers::default();
    drivers.reconfigure(vec![broker(0, "site")], &port, Generation(1));
    let asked = drivers.running[0].number;
    let answer = |driver| Order { driver: Some(driver), ..order("site") };
    assert!(drivers.order(answer(asked)).is_ok());
    drivers.reconfigure(vec![broker(1, "other"), broker(0, "site")], &port, Generation(2));
    assert!(drivers.order(answer(asked)).is_ok(), "the same session goes on");
    let mut elsewhere = broker(0, "site");
    let Protocol::Mqtt(settings) = &mut elsewhere.protocol else { panic!("a broker is MQTT") };
    settings.endpoint.port = 2;
    drivers.reconfigure(vec![elsewhere], &port, Generation(3));
    assert!(drivers.order(answer(asked)).is_err(), "that is another broker");
    assert!(drivers.order(answer(drivers.running[0].number)).is_ok());
}
