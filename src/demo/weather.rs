//! Rain fronts, wind and evaporation, out of one seed.

/// Small generator of random numbers (SplitMix64), so that a seed gives the same weather on every computer.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Evenly between 0 and 1.
    fn even(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal, with deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }
}

/// A band of rain that passes.
#[derive(Clone, Copy, Debug)]
struct Front {
    begins: f64,
    lasts: f64,
    peak_mm_h: f64,
}

/// The weather, in process time.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    random: Random,
    front: Front,
    burst_until: f64,
    seconds: f64,
    pub(super) rain_mm_h: f64,
    pub(super) wind_m_s: f64,
    pub(super) wind_degrees: f64,
    pub(super) temperature_c: f64,
    pub(super) evaporation_mm_h: f64,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            front: Front { begins: -3600.0, lasts: 4.0 * 3600.0, peak_mm_h: 9.0 },
            burst_until: 0.0,
            seconds: 0.0,
            rain_mm_h: 4.0,
            wind_m_s: 7.0,
            wind_degrees: 260.0,
            temperature_c: 11.0,
            evaporation_mm_h: 0.05,
        }
    }

    pub(super) fn step(&mut self, seconds: f64) {
        self.seconds += seconds;
        let since = self.seconds - self.front.begins;
        if since > self.front.lasts {
            self.front = Front {
                begins: self.seconds + 3600.0 * (1.0 + 5.0 * self.random.even()),
                lasts: 3600.0 * (1.5 + 4.0 * self.random.even()),
                peak_mm_h: 2.0 + 8.0 * self.random.even(),
            };
        }
        let passing = (since / self.front.lasts).clamp(0.0, 1.0);
        let front = self.front.peak_mm_h * (std::f64::consts::PI * passing).sin().max(0.0);
        let burst = if self.seconds < self.burst_until { 45.0 } else { 0.0 };
        self.rain_mm_h = front + burst;
        let root = seconds.sqrt() * 0.02;
        self.wind_m_s =
            (self.wind_m_s + (8.0 - self.wind_m_s) * seconds / 40_000.0 + root * self.random.normal()).clamp(0.0, 30.0);
        self.wind_degrees = (self.wind_degrees + root * 8.0 * self.random.normal()).rem_euclid(360.0);
        let day = (std::f64::consts::TAU * self.seconds / 86_400.0).sin();
        self.temperature_c = 11.0 + 4.0 * day;
        self.evaporation_mm_h = (0.12 + 0.1 * day).max(0.0);
    }

    /// Half an hour of what falls once in a hundred years.
    pub(super) fn cloudburst(&mut self) {
        self.burst_until = self.seconds + 1800.0;
    }
}
