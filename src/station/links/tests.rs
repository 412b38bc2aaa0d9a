//! What is kept of bytes, over restarts and damage.

use super::book::TRAFFIC_FILE;
use super::*;
use crate::tag::Timestamp;

/// 2026-11-15 12:00 UTC, far from every border of a month.
const NOVEMBER: i64 = 1_794_744_000_000_000;

fn at(seconds: u64) -> Now {
    Now {
        utc: Timestamp::from_micros(NOVEMBER + seconds as i64 * 1_000_000),
        monotonic: Monotonic::from_micros(seconds * 1_000_000),
    }
}

fn open(folder: &Path) -> Books {
    let budget = LinkSettings { budget: Some(1000), ..LinkSettings::default() };
    Books::open(folder, vec![("site".into(), budget)], Monotonic::default())
}

fn sent(bytes: u64) -> HashMap<Arc<str>, Counted> {
    HashMap::from([(Arc::from("site"), Counted { sent: bytes, ..Counted::default() })])
}

#[test]
fn a_month_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = open(folder.path());
    books.count(&sent(600), at(0));
    books.keep(at(0).monotonic);
    let mut books = open(folder.path());
    assert_eq!(books.states(at(1))[0].percent(), Some(60), "nobody is told of an empty month");
    books.count(&sent(250), at(2));
    let state = &books.states(at(2))[0];
    assert_eq!((state.hour.sent, state.month.sent, state.percent()), (250, 850, Some(85)));
}

#[test]
fn connections_that_are_away_for_a_while_are_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = open(folder.path());
    books.count(&sent(600), at(0));
    books.keep(at(0).monotonic);
    let mut other = Books::open(folder.path(), vec![("other".into(), LinkSettings::default())], Monotonic::default());
    other.count(&HashMap::from([(Arc::from("other"), Counted { sent: 1, ..Counted::default() })]), at(1));
    other.keep(at(1).monotonic);
    let mut books = open(folder.path());
    books.count(&sent(0), at(2));
    assert_eq!(books.states(at(2))[0].month.sent, 600);
}

#[test]
fn a_file_that_makes_no_sense_is_set_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(TRAFFIC_FILE), "{").unwrap();
    let mut books = open(folder.path());
    let why = books.failing.clone().unwrap();
    assert!(why.contains("set aside as traffic.json.damaged"), "{why}");
    assert_eq!(std::fs::read(folder.path().join("traffic.json.damaged")).unwrap(), b"{");
    books.count(&sent(1), at(0));
    books.keep(at(0).monotonic);
    assert!(book::read(folder.path()).unwrap().contains_key("site"));
}

#[test]
fn a_file_that_cannot_be_read_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in its place: nobody can read that as a file, not even root.
    std::fs::create_dir(folder.path().join(TRAFFIC_FILE)).unwrap();
    let mut books = open(folder.path());
    assert!(books.failing.clone().unwrap().contains("not kept"));
    books.count(&sent(1), at(0));
    books.keep(at(0).monotonic);
    assert!(books.is_unwritten && books.failing.is_some());
}

#[test]
fn bytes_are_told_now_and_then_and_what_matters_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = open(folder.path());
    let mut is_told = |bytes: u64, seconds: u64| {
        books.count(&sent(bytes), at(seconds));
        let links = books.states(at(seconds));
        books.is_news(&links, at(seconds).monotonic)
    };
    assert!(is_told(0, 0));
    assert!(!is_told(1, 1), "one byte more");
    assert!(is_told(800, 2), "near its budget");
    assert!(!is_told(801, 3));
    assert!(is_told(802, 12), "ten seconds later");
}

#[test]
fn a_tunnel_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let link = LinkSettings { only_via: Some("no-such-tunnel".into()), budget: None };
    let books = Books::open(folder.path(), vec![("site".into(), link)], Monotonic::default());
    let state = &books.states(at(0))[0];
    let why = state.tunnel_down.clone().unwrap();
    assert!(why.contains("no-such-tunnel") && why.contains("nothing is sent another way"), "{why}");
}
