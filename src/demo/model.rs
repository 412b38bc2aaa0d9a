//! The polder as water, pumps and sluices. Pure: time and commands in, levels and flows out.
//!
//! Water runs in process time, which is [`SPEED`] times real time, so that a tide takes twelve minutes; machines run in real time.
//! Sources: pump affinity laws and orifice flow as in any hydraulics handbook; tide as its M2 constituent alone.

use super::storm::Storm;
use super::weather::Weather;

/// Process seconds in one real second.
pub(super) const SPEED: f64 = 60.0;
/// Basins: name, area in km².
pub(super) const BASINS: [(&str, f64); 3] = [("north", 12.0), ("middle", 9.0), ("south", 15.0)];
/// Pumps of each basin.
pub(super) const PUMPS: usize = 3;

const OPEN_WATER: f64 = 0.06;
const TARGET: f64 = -1.40;
const BOEZEM_START: f64 = -0.40;
const BOEZEM_AREA: f64 = 4.5e6;
const RATED_RPM: f64 = 1200.0;
const SHUT_OFF_HEAD: f64 = 4.0;
const PUMP_LOSS: f64 = 0.2663;
const PIPE_LOSS: f64 = 0.1775;
const GRAVITY: f64 = 9.81;
const RUNOFF_SECONDS: f64 = 4.0 * 3600.0;
const TIDE_PERIOD: f64 = 12.4206 * 3600.0;
const TIDE_AMPLITUDE: f64 = 1.1;
const SLUICE_AREA: f64 = 14.0;

/// How a pump or sluice is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Stopped, closed.
    Off,
    /// As told.
    Manual,
    /// By the level.
    Auto,
}

impl Mode {
    pub(super) fn from_register(register: u16) -> Option<Self> {
        match register {
            0 => Some(Self::Off),
            1 => Some(Self::Manual),
            2 => Some(Self::Auto),
            _ => None,
        }
    }

    pub(super) fn to_register(self) -> u16 {
        self as u16
    }
}

/// One pump.
#[derive(Clone, Debug)]
pub(super) struct Pump {
    pub(super) mode: Mode,
    pub(super) run: bool,
    pub(super) setpoint_rpm: f64,
    pub(super) tripped: bool,
    pub(super) wanted: bool,
    pub(super) speed_rpm: f64,
    pub(super) flow_m3_s: f64,
    pub(super) head_m: f64,
    pub(super) power_kw: f64,
    pub(super) current_a: f64,
    pub(super) bearing_c: f64,
    pub(super) bearing_fault_c: f64,
    pub(super) run_hours: f64,
    pub(super) starts: u32,
}

impl Pump {
    fn new(number: usize) -> Self {
        Self {
            mode: Mode::Auto,
            run: false,
            setpoint_rpm: RATED_RPM,
            tripped: false,
            wanted: false,
            speed_rpm: 0.0,
            flow_m3_s: 0.0,
            head_m: 0.0,
            power_kw: 0.0,
            current_a: 0.0,
            bearing_c: 18.0,
            bearing_fault_c: 0.0,
            run_hours: 3200.0 + 410.0 * number as f64,
            starts: 900 + 37 * number as u32,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.speed_rpm > 50.0
    }

    /// 0 stopped, 1 running, 2 tripped.
    pub(super) fn state(&self) -> u16 {
        match (self.tripped, self.is_running()) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    pub(super) fn trip(&mut self) {
        self.tripped = true;
    }

    fn step(&mut self, seconds: f64, static_head: f64) {
        let wanted = self.wanted && !self.tripped;
        let goal = if wanted { self.setpoint_rpm.clamp(0.0, 1500.0) } else { 0.0 };
        let ramp = if self.tripped { 400.0 } else { 150.0 } * seconds;
        if wanted && !self.is_running() && goal > 50.0 && self.speed_rpm == 0.0 {
            self.starts += 1;
        }
        self.speed_rpm += (goal - self.speed_rpm).clamp(-ramp, ramp);
        // Affinity laws: flow with the speed, head with its square.
        let ratio = self.speed_rpm / RATED_RPM;
        let spare = ratio * ratio * SHUT_OFF_HEAD - static_head;
        self.flow_m3_s = if spare > 0.0 && self.is_running() { (spare / (PUMP_LOSS + PIPE_LOSS)).sqrt() } else { 0.0 };
        self.head_m = static_head + PIPE_LOSS * self.flow_m3_s * self.flow_m3_s;
        let best = (self.flow_m3_s / (2.6 * ratio.max(0.1)) - 1.0).powi(2);
        let efficiency = (0.74 - 0.5 * best).max(0.2);
        let hydraulic = GRAVITY * self.flow_m3_s * self.head_m.max(0.0);
        self.power_kw = if self.is_running() { 3.0 * ratio.powi(3) + hydraulic / efficiency } else { 0.0 };
        self.current_a =
            if self.is_running() { 28.0 * ratio + self.power_kw * 1000.0 / (3f64.sqrt() * 400.0 * 0.86) } else { 0.0 };
        let warm = 18.0 + if self.is_running() { 34.0 * ratio * ratio + self.bearing_fault_c } else { 0.0 };
        self.bearing_c += (warm - self.bearing_c) * (seconds / 20.0).min(1.0);
        if self.is_running() {
            self.run_hours += seconds * SPEED / 3600.0;
        }
        if self.bearing_c > 95.0 {
            self.trip();
        }
    }
}

/// One basin with its pumping station.
#[derive(Clone, Debug)]
pub(super) struct Basin {
    pub(super) area_m2: f64,
    pub(super) level_m: f64,
    pub(super) target_m: f64,
    pub(super) rate_m_h: f64,
    pub(super) inflow_m3_s: f64,
    pub(super) stored_m3: f64,
    pub(super) pumps: [Pump; PUMPS],
}

impl Basin {
    fn new(number: usize, area_km2: f64) -> Self {
        let area_m2 = area_km2 * 1e6;
        let pumps = std::array::from_fn(|place| Pump::new(number * PUMPS + place));
        Self {
            area_m2,
            level_m: TARGET + 0.01 * (number as f64 + 1.0),
            target_m: TARGET,
            rate_m_h: 0.0,
            inflow_m3_s: 0.0,
            stored_m3: area_m2 * 0.004,
            pumps,
        }
    }

    fn water_m2(&self) -> f64 {
        self.area_m2 * OPEN_WATER
    }

    pub(super) fn pumped_m3_s(&self) -> f64 {
        self.pumps.iter().map(|pump| pump.flow_m3_s).sum()
    }

    /// The local controller: one pump after the other as the level rises above its target.
    fn control(&mut self) {
        for (place, pump) in self.pumps.iter_mut().enumerate() {
            pump.wanted = match pump.mode {
                Mode::Off => false,
                Mode::Manual => pump.run,
                Mode::Auto if pump.wanted => self.level_m > self.target_m - 0.01 + 0.015 * place as f64,
                Mode::Auto => self.level_m > self.target_m + 0.01 + 0.025 * place as f64,
            };
        }
    }

    fn step(&mut self, seconds: f64, weather: &Weather, boezem_m: f64) {
        self.control();
        let head = boezem_m - self.level_m;
        self.pumps.iter_mut().for_each(|pump| pump.step(seconds, head));
        let process = seconds * SPEED;
        let net_rain = (weather.rain_mm_h - weather.evaporation_mm_h) / 1000.0 / 3600.0;
        self.stored_m3 = (self.stored_m3 + net_rain * self.area_m2 * process).max(0.0);
        self.inflow_m3_s = self.stored_m3 / RUNOFF_SECONDS + 0.35;
        self.stored_m3 -= (self.stored_m3 / RUNOFF_SECONDS * process).min(self.stored_m3);
        let change = (self.inflow_m3_s - self.pumped_m3_s()) / self.water_m2();
        self.level_m += change * process;
        self.rate_m_h = change * 3600.0;
    }
}

/// A sluice to the sea.
#[derive(Clone, Debug)]
pub(super) struct Sluice {
    pub(super) mode: Mode,
    pub(super) position: f64,
    pub(super) flow_m3_s: f64,
}

/// The whole polder.
#[derive(Clone, Debug)]
pub(super) struct Polder {
    pub(super) basins: [Basin; 3],
    pub(super) sluices: [Sluice; 2],
    pub(super) boezem_m: f64,
    pub(super) sea_m: f64,
    pub(super) weather: Weather,
    pub(super) seconds: f64,
    pub(super) storm: Option<Storm>,
    pub(super) tripped_by_storm: usize,
}

/// Basin and place of every pump, in the order in which a storm trips them.
const TRIPS: [(usize, usize); 3 * PUMPS] = [(1, 0), (1, 1), (1, 2), (0, 0), (0, 1), (0, 2), (2, 0), (2, 1), (2, 2)];

impl Polder {
    pub(super) fn new(seed: u64) -> Self {
        let sluice = Sluice { mode: Mode::Auto, position: 0.0, flow_m3_s: 0.0 };
        Self {
            basins: std::array::from_fn(|number| Basin::new(number, BASINS[number].1)),
            sluices: [sluice.clone(), sluice],
            boezem_m: BOEZEM_START,
            sea_m: 0.6,
            weather: Weather::new(seed),
            seconds: 0.0,
            storm: None,
            tripped_by_storm: 0,
        }
    }

    /// Lets `seconds` of real time pass.
    pub(super) fn step(&mut self, seconds: f64) {
        self.seconds += seconds;
        self.weather.step(seconds * SPEED);
        let phase = std::f64::consts::TAU * (self.seconds * SPEED / TIDE_PERIOD + 0.16);
        self.sea_m = TIDE_AMPLITUDE * phase.cos() + 0.004 * self.weather.wind_m_s;
        let boezem = self.boezem_m;
        self.basins.iter_mut().for_each(|basin| basin.step(seconds, &self.weather, boezem));
        self.drain(seconds);
        self.script();
    }

    /// The sluices empty the boezem to the sea while it stands lower.
    fn drain(&mut self, seconds: f64) {
        let drop = self.boezem_m - self.sea_m;
        for sluice in &mut self.sluices {
            let open = match sluice.mode {
                Mode::Off => false,
                Mode::Manual => true,
                Mode::Auto => drop > 0.05 && self.boezem_m > -0.45,
            };
            let goal = if open { 100.0 } else { 0.0 };
            sluice.position += (goal - sluice.position).clamp(-20.0 * seconds, 20.0 * seconds);
            let speed = 0.6 * (2.0 * GRAVITY * drop.abs()).sqrt() * drop.signum();
            sluice.flow_m3_s = SLUICE_AREA * sluice.position / 100.0 * speed;
        }
        let pumped: f64 = self.basins.iter().map(Basin::pumped_m3_s).sum();
        let drained: f64 = self.sluices.iter().map(|sluice| sluice.flow_m3_s).sum();
        self.boezem_m += (pumped - drained) / BOEZEM_AREA * seconds * SPEED;
    }

    /// What happens in the first minute of every demo, so that a newcomer sees alarms: a bearing runs hot, and its pump trips.
    fn script(&mut self) {
        if let Some(storm) = self.storm {
            return self.go_through(storm);
        }
        let pump = &mut self.basins[2].pumps[0];
        if self.seconds > 2.0 && self.seconds < 40.0 && !pump.tripped {
            pump.bearing_fault_c = 130.0;
        }
    }

    /// What the storm trips, it trips once: an operator can reset it.
    fn go_through(&mut self, storm: Storm) {
        let tripped = storm.tripped(self.seconds, TRIPS.len());
        let before = std::mem::replace(&mut self.tripped_by_storm, tripped);
        for (basin, pump) in &TRIPS[before.min(tripped)..tripped] {
            self.basins[*basin].pumps[*pump].trip();
        }
    }

    pub(super) fn trip_one(&mut self) {
        let running = self.basins.iter_mut().flat_map(|basin| &mut basin.pumps).find(|pump| pump.is_running());
        if let Some(pump) = running {
            pump.trip();
        }
    }

    /// A person at the pump resets it; a hot bearing has been seen to.
    pub(super) fn reset(pump: &mut Pump) {
        pump.tripped = false;
        pump.bearing_fault_c = 0.0;
        pump.bearing_c = pump.bearing_c.min(60.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(rpm: f64) -> Pump {
        let mut pump = Pump { mode: Mode::Manual, run: true, wanted: true, setpoint_rpm: rpm, ..Pump::new(0) };
        (0..1000).for_each(|_| pump.step(0.1, 1.0));
        pump
    }

    #[test]
    fn a_pump_gives_its_rated_flow_at_its_rated_speed() {
        let pump = settled(1200.0);
        assert!((pump.flow_m3_s - 2.6).abs() < 0.05, "{}", pump.flow_m3_s);
        assert!((60.0..110.0).contains(&pump.power_kw), "{}", pump.power_kw);
        assert!(!pump.tripped && pump.bearing_c < 60.0);
        assert!(settled(900.0).flow_m3_s < pump.flow_m3_s);
        assert_eq!(settled(300.0).flow_m3_s, 0.0, "too slow to lift the water");
    }

    /// What falls as rain is in the soil, in the basins, in the boezem or in the sea.
    #[test]
    fn no_water_is_lost() {
        let mut polder = Polder::new(7);
        polder.weather.evaporation_mm_h = 0.0;
        let (mut in_total, mut out_total) = (0.0, 0.0);
        let content = |polder: &Polder| -> f64 {
            polder.basins.iter().map(|basin| basin.stored_m3 + basin.level_m * basin.water_m2()).sum::<f64>()
                + polder.boezem_m * BOEZEM_AREA
        };
        let before = content(&polder);
        for _ in 0..20_000 {
            polder.step(0.1);
            let process = 0.1 * SPEED;
            for basin in &polder.basins {
                let rain = (polder.weather.rain_mm_h - polder.weather.evaporation_mm_h) / 1000.0 / 3600.0;
                in_total += rain * basin.area_m2 * process + 0.35 * process;
            }
            out_total += polder.sluices.iter().map(|sluice| sluice.flow_m3_s).sum::<f64>() * process;
        }
        let error = content(&polder) - before - in_total + out_total;
        assert!(error.abs() < 0.02 * in_total.max(1e5), "{error} of {in_total}");
    }

    #[test]
    fn the_controllers_keep_the_polder_dry_for_hours() {
        let mut polder = Polder::new(3);
        for _ in 0..36_000 {
            polder.step(0.1);
            for basin in &polder.basins {
                assert!((-2.0..-0.4).contains(&basin.level_m), "{} m after {} s", basin.level_m, polder.seconds);
            }
            assert!((-1.2..0.6).contains(&polder.boezem_m), "{} m after {} s", polder.boezem_m, polder.seconds);
        }
    }

    #[test]
    fn a_seed_makes_it_repeatable_and_the_first_alarm_comes_early() {
        let run = |seed| {
            let mut polder = Polder::new(seed);
            (0..200).for_each(|_| polder.step(0.1));
            polder
        };
        let (first, second) = (run(5), run(5));
        assert_eq!(first.basins[0].level_m, second.basins[0].level_m);
        assert_ne!(run(6).weather.wind_m_s, first.weather.wind_m_s);
        let pump = &first.basins[2].pumps[0];
        assert!(pump.tripped || pump.bearing_c > 80.0, "{pump:?}");
    }
}
