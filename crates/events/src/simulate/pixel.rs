//! One pixel between two frames.

use cortado_base::rng::{Purpose, Rng};

use super::options::{LEAST, Options};

/// Light adds so much of white to the speed of a dark pixel (`hu2021`).
const DARK: f64 = 20.0 / 275.0;
/// Shot noise of a white pixel, as a share of that of a dark one (`hu2021`).
const BRIGHT: f64 = 0.25;
/// What is later than a microsecond by less than this share of one is at it.
const SLACK: f64 = 1e-6;

/// The time between two frames, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub start: u64,
    pub length: u64,
}

/// What a pixel is and remembers.
#[derive(Clone, Debug)]
pub(super) struct Pixel {
    /// Thresholds.
    on: f64,
    off: f64,
    /// Light of the last frame.
    light: f32,
    /// Level that this light gives in the end.
    target: f64,
    /// Level at the last frame.
    level: f64,
    /// The level that is compared with.
    remembered: f64,
    /// When it last fired, plus 1; 0 is never.
    fired: u64,
    shots: [Shots; 2],
}

/// Shot noise of one polarity: when its rate times time has used up `left`, which is of the exponential law.
#[derive(Clone, Debug)]
struct Shots {
    left: f64,
    drawn: u32,
}

/// What the numbers of a pixel are for; beyond the steps that changes of recordings use.
const THRESHOLDS: u64 = 1 << 48;

impl Shots {
    /// Waits anew. A number depends on pixel, polarity and how many came before.
    fn draw(&mut self, place: u32, p: bool, seed: u64) {
        let step = THRESHOLDS | u64::from(self.drawn) << 2 | (1 + u64::from(p));
        self.left = -(1.0 - Rng::new(seed, place, Purpose::Events, step).uniform()).ln();
        self.drawn += 1;
    }
}

impl Pixel {
    pub fn new(place: u32, options: &Options) -> Self {
        let (mut on, mut off) = (options.c_on, options.c_off);
        if options.mismatch > 0.0 {
            let mut rng = Rng::new(options.seed, place, Purpose::Events, THRESHOLDS);
            on = (on + options.mismatch * rng.normal()).max(LEAST);
            off = (off + options.mismatch * rng.normal()).max(LEAST);
        }
        let mut shots = [
            Shots {
                left: f64::INFINITY,
                drawn: 0,
            },
            Shots {
                left: f64::INFINITY,
                drawn: 0,
            },
        ];
        if options.shot_rate > 0.0 {
            shots[0].draw(place, false, options.seed);
            shots[1].draw(place, true, options.seed);
        }
        Self {
            on,
            off,
            light: 0.0,
            target: 0.0,
            level: 0.0,
            remembered: 0.0,
            fired: 0,
            shots,
        }
    }

    /// The first frame.
    pub fn begin(&mut self, light: f32, options: &Options) {
        self.light = light;
        self.target = options.level(options.share(light));
        self.level = self.target;
        self.remembered = self.level;
    }

    /// Goes on to the frame at the end of the interval, and says the events on the way, in order.
    pub fn advance(
        &mut self,
        place: u32,
        light: f32,
        interval: Interval,
        options: &Options,
        mut say: impl FnMut(u64, bool),
    ) {
        let share = options.share(light);
        if light != self.light {
            self.light = light;
            self.target = options.level(share);
        }
        let still = self.target == self.level;
        if still && options.leak_rate == 0.0 && options.shot_rate == 0.0 {
            return;
        }
        let length = interval.length as f64;
        let from = self.level;
        let to = self.low_pass(share, length, options);
        self.level = to;
        // The remembered level, as it would be at the start of the interval: leak is a slope of the difference instead.
        let leak = options.leak_rate * 1e-6 * self.on * length;
        let slope = (to - from + leak) / length;
        let rate = 0.5e-6 * options.shot_rate * (1.0 + (BRIGHT - 1.0) * share.min(1.0));
        let mut now = 0.0;
        loop {
            let left = to + leak - self.remembered;
            let crossing = if left >= self.on {
                Some((true, self.on))
            } else if left <= -self.off {
                Some((false, -self.off))
            } else {
                None
            };
            let crossed = |(p, c): (bool, f64)| {
                // By the end it is there, whatever the rounding.
                let time = (c - (from - self.remembered)) / slope;
                (if time >= now { time.min(length) } else { now }, p, c)
            };
            let crossing = crossing.map(crossed);
            let shot = self
                .next_shot(now, rate)
                .filter(|(time, _)| *time <= length);
            let before = |(time, _): &(f64, bool)| crossing.is_none_or(|c| *time < c.0);
            if let Some((time, p)) = shot.filter(before) {
                self.wait(time - now, rate);
                self.shots[usize::from(p)].draw(place, p, options.seed);
                self.remembered = from + slope * time;
                self.emit(time, p, interval, options, &mut say);
                now = time;
            } else if let Some((time, p, c)) = crossing {
                self.wait(time - now, rate);
                self.remembered += c;
                self.emit(time, p, interval, options, &mut say);
                now = time;
            } else {
                break;
            }
        }
        self.wait(length - now, rate);
        self.remembered -= leak;
    }

    /// The level after the photoreceptor.
    fn low_pass(&self, share: f64, length: f64, options: &Options) -> f64 {
        if options.cutoff == 0.0 {
            return self.target;
        }
        let light = DARK + (1.0 - DARK) * share.min(1.0);
        let steps = std::f64::consts::TAU * options.cutoff * light * length * 1e-6;
        self.level + (self.target - self.level) * -(-steps).exp_m1()
    }

    /// When shot noise makes it fire next, and how.
    fn next_shot(&self, now: f64, rate: f64) -> Option<(f64, bool)> {
        if rate == 0.0 {
            return None;
        }
        let p = self.shots[1].left < self.shots[0].left;
        Some((now + self.shots[usize::from(p)].left / rate, p))
    }

    /// Lets shot noise come nearer.
    fn wait(&mut self, time: f64, rate: f64) {
        if rate > 0.0 {
            self.shots
                .iter_mut()
                .for_each(|s| s.left = (s.left - rate * time).max(0.0));
        }
    }

    fn emit(
        &mut self,
        time: f64,
        p: bool,
        interval: Interval,
        options: &Options,
        say: &mut impl FnMut(u64, bool),
    ) {
        let after = ((time - SLACK).ceil().max(1.0) as u64).min(interval.length);
        let t = interval.start + after;
        if self.fired == 0 || t - (self.fired - 1) >= options.refractory {
            self.fired = t.saturating_add(1);
            say(t, p);
        }
    }
}
