//! The store beside a plain list of samples.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Flush(Vec<(usize, i64, Option<Value>, Quality)>),
    Seal(Scope),
    Onward,
    Reopen,
    Rename(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    // Mostly onward, sometimes far back or ahead, sometimes the same moment again.
    let time = prop_oneof![6 => 0..40 * SECOND, 1 => -8 * HOUR..0, 1 => 0..3 * HOUR, 1 => Just(0)];
    let row = (0usize..3, time, any_value(), any_quality());
    let number = (
        0usize..3,
        0..40 * SECOND,
        (-500i32..500).prop_map(|number| Some(Value::Double(f64::from(number) / 10.0))),
        Just(Quality::GOOD),
    );
    let hour = moment("2026-10-31T20:00:00Z");
    prop_oneof![
        3 => proptest::collection::vec(row, 1..12).prop_map(Step::Flush),
        4 => proptest::collection::vec(number, 20..120).prop_map(Step::Flush),
        2 => (0i64..12).prop_map(move |hours| Step::Seal(Scope::Before(hour + hours * HOUR))),
        1 => (0i64..12).prop_map(move |hours| Step::Seal(Scope::Late(hour + hours * HOUR))),
        1 => Just(Step::Seal(Scope::Everything)),
        8 => Just(Step::Onward),
        1 => Just(Step::Reopen),
        1 => (0usize..3).prop_map(Step::Rename),
    ]
}

struct Model {
    keys: [String; 3],
    samples: [Vec<Sample>; 3],
    seen: BTreeSet<usize>,
    was_alive: Option<i64>,
    now: i64,
}

impl Model {
    fn flush(&mut self, rows: &[(usize, Sample)]) {
        for (tag, _) in rows {
            let Some(alive) = self.was_alive.filter(|_| self.seen.insert(*tag)) else { continue };
            let last = self.samples[*tag]
                .iter()
                .filter(|sample| sample.time.as_micros() <= alive)
                .max_by_key(|sample| sample.time);
            if last.is_some_and(|last| !last.quality.is_bad()) {
                let time = Timestamp::from_micros(alive);
                self.samples[*tag].push(Sample { time, value: None, quality: Quality::bad(Reason::StationOff) });
            }
        }
        rows.iter().for_each(|(tag, sample)| self.samples[*tag].push(sample.clone()));
        self.samples.iter_mut().for_each(|samples| samples.sort_by_key(|sample| sample.time));
    }

    fn columns(&self, tag: usize, [from, to]: [i64; 2], width: usize) -> Vec<Column> {
        let before = self.samples[tag].iter().rfind(|sample| sample.time.as_micros() < from).map(number);
        let mut builder = ColumnBuilder::new([from, to], width, before);
        let inside = |sample: &&Sample| (from..=to).contains(&sample.time.as_micros());
        for sample in self.samples[tag].iter().filter(inside) {
            builder.samples(&[sample.time.as_micros()], &[number(sample)]);
        }
        builder.finish(self.now)
    }

    fn check(&self, reader: &Reader) {
        for (tag, key) in self.keys.iter().enumerate() {
            let found = everything(reader, key);
            assert!(same(&found, &self.samples[tag]), "{key}\n{found:#?}\n{:#?}", self.samples[tag]);
            let from = moment("2026-10-31T12:00:00Z");
            for (column, width) in [(5 * MINUTE, 300), (4 * HOUR, 6), (SECOND, 900), (20 * MINUTE, 7)] {
                let range = [from, from + column * width as i64];
                let [first, last] = range.map(Timestamp::from_micros);
                let columns = reader.columns(&key.as_str().into(), first, last, width, &|| false).unwrap();
                let expected = self.columns(tag, range, width);
                // The last moment belongs to the range; out of rollups it does not show, being the first of the next bucket.
                assert_eq!(columns.len(), expected.len(), "{key} {width} {:?}", self.samples[tag]);
                for (found, expected) in columns.iter().zip(&expected) {
                    assert!(alike(found, expected), "{key} {width} {found:?} {expected:?}");
                }
            }
        }
    }
}

fn alike(first: &Column, second: &Column) -> bool {
    let same = |first: f64, second: f64| first == second || first.is_nan() && second.is_nan();
    let near =
        (first.mean - second.mean).abs() <= 1e-6 * (first.max - first.min).abs().max(1e-300) + 1e-9 * first.mean.abs();
    let wild = !first.mean.is_finite()
        || !second.mean.is_finite()
        || first.mean.abs() > 1e200
        || first.max - first.min > 1e100;
    same(first.first, second.first)
        && same(first.min, second.min)
        && same(first.max, second.max)
        && same(first.last, second.last)
        && first.count == second.count
        && first.bad == second.bad
        && (near || same(first.mean, second.mean) || wild)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: a reader finds what a plain list holds, and columns are those of that list.
    #[test]
    fn the_store_is_a_list(steps in proptest::collection::vec(any_step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let start = moment("2026-10-31T20:30:00Z");
        let mut model = Model { keys: ["a", "b", "c"].map(String::from), samples: Default::default(), seen: BTreeSet::new(), was_alive: None, now: start };
        let tags = ids(&mut store, &["a", "b", "c"]);
        let mut time = start;
        for (turn, step) in steps.into_iter().enumerate() {
            match step {
                Step::Flush(rows) => {
                    let mut samples = Vec::new();
                    for (tag, ahead, value, quality) in rows {
                        let at = time + ahead;
                        time = if (0..40 * SECOND).contains(&ahead) { at } else { time };
                        model.now = model.now.max(at + SECOND);
                        samples.push((tag, Sample { time: Timestamp::from_micros(at), value, quality }));
                    }
                    model.flush(&samples);
                    flush(&mut store, samples.into_iter().map(|(tag, sample)| (tags[tag], sample)).collect(), model.now);
                }
                Step::Seal(scope) if !store.is_sealing() => store.begin_seal(scope),
                Step::Seal(_) => {}
                Step::Onward => store.seal_step(1).unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = open(folder.path());
                    model.seen.clear();
                    model.was_alive = (turn > 0).then_some(model.now).filter(|_| model.samples.iter().any(|samples| !samples.is_empty()));
                }
                Step::Rename(tag) => {
                    let (old, new) = (model.keys[tag].clone(), format!("{}'", model.keys[tag]));
                    store.ids(&[(new.as_str().into(), Some(old.into()))], Timestamp::default()).unwrap();
                    model.keys[tag] = new;
                }
            }
            if turn % 5 == 4 {
                model.check(&Reader::open(store.path(), Some(store.unsealed())).unwrap());
            }
        }
        model.check(&Reader::open(store.path(), Some(store.unsealed())).unwrap());
        model.check(&Reader::open(store.path(), None).unwrap());
        seal(&mut store, Scope::Everything);
        model.check(&Reader::open(store.path(), None).unwrap());
    }
}
