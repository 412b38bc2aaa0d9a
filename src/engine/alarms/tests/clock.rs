//! Steps of the wall clock: what they do to rates, and the alarm that tells of them.

use super::*;

const RATE: &str = r#"{"rate":60,"per":"60s"}"#;
const SECOND: Duration = Duration::from_secs(1);

impl Bench {
    /// A value with the time at which a driver read it, which may be by the clock as it was before.
    fn read_at(&mut self, time: Timestamp, value: u64) {
        let reading = Reading { tag: TagId(0), value: Some(Value::Unsigned(value)), quality: Quality::GOOD };
        self.step(Event::Driver(DriverEvent::Batch(Batch {
            generation: self.engine.generation(),
            device: DeviceId(0),
            time,
            readings: vec![reading],
            confirmed: Arc::from([]),
        })));
    }

    /// A value a second, from `value` on, `by` more each time.
    fn ramp(&mut self, seconds: u64, value: &mut u64, by: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(SECOND);
            *value += by;
            self.read_at(self.now.utc, *value);
        }
        self.record();
    }

    fn clock(&mut self) -> Vec<(State, String)> {
        let board = self.engine.snapshot(self.now).alarms;
        let of_clock = board.views.iter().filter(|view| view.key.as_str() == "station/clock-stepped:digital");
        of_clock.map(|view| (view.state, view.message.to_string())).collect()
    }
}

/// Whether something that was read just before the step arrives just after it.
fn each_step(mut check: impl FnMut(i64, bool)) {
    for seconds in [-7200, -59, -30, -5, -3, 3, 30, 59, 7200] {
        [true, false].into_iter().for_each(|is_late| check(seconds, is_late));
    }
}

fn step_clock(bench: &mut Bench, seconds: i64, is_late: bool, value: u64) {
    let before = bench.now.utc;
    bench.now = jump(bench.now.plus(Duration::from_millis(10)), seconds);
    if is_late {
        bench.read_at(before.plus(Duration::from_millis(5)), value);
    }
}

#[test]
fn a_step_of_the_clock_ends_no_rate_that_goes_on() {
    each_step(|seconds, is_late| {
        let mut bench = Bench::start(&[RATE]);
        let mut value = 1000;
        bench.ramp(180, &mut value, 2);
        assert_eq!(bench.state(0), State::Unacknowledged, "{seconds}");
        step_clock(&mut bench, seconds, is_late, value);
        for second in 0..150 {
            bench.ramp(1, &mut value, 2);
            assert_eq!(bench.state(0), State::Unacknowledged, "{seconds}, late {is_late}: {second} s after it");
        }
        assert_eq!(bench.occasions(), ["condition-active"], "{seconds}, late {is_late}");
        // And when it does stand still, it returns.
        bench.ramp(130, &mut value, 0);
        assert_eq!(bench.state(0), State::ReturnedUnacknowledged, "{seconds}, late {is_late}");
    });
}

#[test]
fn a_step_of_the_clock_raises_no_rate_and_blinds_none() {
    each_step(|seconds, is_late| {
        let mut bench = Bench::start(&[RATE]);
        let mut value = 1000;
        for second in 0..150 {
            bench.ramp(1, &mut value, u64::from(second % 2 == 0));
        }
        step_clock(&mut bench, seconds, is_late, value);
        for second in 0..150 {
            bench.ramp(1, &mut value, u64::from(second % 2 == 0));
        }
        assert_eq!(bench.state(0), State::Normal, "{seconds}, late {is_late}: 30 a minute");
        let mut bench = Bench::start(&[RATE]);
        bench.ramp(150, &mut value, 0);
        step_clock(&mut bench, seconds, is_late, value);
        bench.ramp(2, &mut value, 0);
        bench.ramp(2, &mut value, 100);
        assert_eq!(bench.state(0), State::Unacknowledged, "{seconds}, late {is_late}: it is not seen");
    });
}

#[test]
fn a_clock_that_was_stepped_is_an_alarm_that_tells_how_far_and_ends_by_itself() {
    let mut bench = Bench::start(&[RATE]);
    bench.sample(0, Some(1));
    bench.now = jump(bench.now.plus(SECOND), 1);
    bench.step(Event::Tick);
    assert_eq!(bench.clock(), [], "a second is set right every now and then");
    bench.now = jump(bench.now.plus(SECOND), 3600);
    bench.step(Event::Tick);
    let told = "The clock of this computer was stepped from 1970-01-12 13:46:43 UTC to 1970-01-12 14:46:43 UTC";
    assert_eq!(bench.clock(), [(State::Unacknowledged, told.to_owned())]);
    // A reload and the next step neither lose nor end it.
    bench.reload(&plan(&[RATE]));
    bench.pass(Duration::from_secs(50));
    bench.now = jump(bench.now, -7200);
    bench.pass(Duration::from_secs(20));
    let told = "The clock of this computer was stepped from 1970-01-12 14:47:53 UTC to 1970-01-12 12:47:53 UTC";
    assert_eq!(bench.clock(), [(State::Unacknowledged, told.to_owned())]);
    bench.reload(&plan(&[RATE]));
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.clock()[0].0, State::Unacknowledged);
    bench.pass(SECOND);
    assert_eq!(bench.clock()[0].0, State::ReturnedUnacknowledged);
}

#[test]
fn the_first_moment_of_a_run_is_no_step() {
    let mut bench = Bench::new(&plan(&[RATE]), Restored::default(), at(5_000_000_000, 77));
    bench.step(Event::Tick);
    let tag = bench.engine.plan().directory.find("station/clock-stepped").unwrap();
    assert_eq!(bench.engine.snapshot(bench.now).value(tag), Some(Value::Bool(false)));
    assert_eq!(bench.clock(), []);
}
