//! Which queue the event-driven engine should have: several on the spikes of one network, `cargo run --release --example queues`.
//!
//! The network is that of `cortado bench engines` (700 -> 256 LIF that reach each other after a millisecond -> 20 LIF). What its
//! engine puts into its queue and takes out is written down once and played back. Input is fed as it comes, or all before
//! the start.

use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind};
use cortado::rng::{Purpose, Rng};
use cortado::sim::event::{Engine, Times};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::time::Instant;

/// As in the engine: bits of the time, rank, projection, neuron, place in the row, bits of the time it was sent.
type Event = (u64, u32, u32, u32, u32, u64);

trait Queue: Default {
    fn push(&mut self, e: Event);
    fn pop(&mut self) -> Option<Event>;
}

/// The standard library's.
#[derive(Default)]
struct Binary(BinaryHeap<Reverse<Event>>);

impl Queue for Binary {
    fn push(&mut self, e: Event) {
        self.0.push(Reverse(e));
    }
    fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|e| e.0)
    }
}

/// Four children each.
#[derive(Default)]
struct Quaternary(Vec<Event>);

impl Queue for Quaternary {
    fn push(&mut self, e: Event) {
        let mut i = self.0.len();
        self.0.push(e);
        while i > 0 && self.0[(i - 1) / 4] > e {
            self.0[i] = self.0[(i - 1) / 4];
            i = (i - 1) / 4;
        }
        self.0[i] = e;
    }
    fn pop(&mut self) -> Option<Event> {
        let last = self.0.pop()?;
        let Some(&first) = self.0.first() else {
            return Some(last);
        };
        let (n, mut i) = (self.0.len(), 0);
        while let Some(c) = (4 * i + 1..n.min(4 * i + 5)).min_by_key(|&c| self.0[c]) {
            if self.0[c] >= last {
                break;
            }
            self.0[i] = self.0[c];
            i = c;
        }
        self.0[i] = last;
        Some(first)
    }
}

/// Days of 50 us, 256 to a year; a day's events are in order, the earliest last (`brown1988`).
struct Calendar {
    days: Vec<Vec<Event>>,
    today: u64,
    len: usize,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            days: vec![Vec::new(); 256],
            today: 0,
            len: 0,
        }
    }
}

fn day(e: &Event) -> u64 {
    (f64::from_bits(e.0) * 20e3) as u64
}

impl Queue for Calendar {
    fn push(&mut self, e: Event) {
        let days = &mut self.days[day(&e) as usize % 256];
        let place = days.partition_point(|o| *o > e);
        days.insert(place, e);
        self.len += 1;
        self.today = self.today.min(day(&e));
    }
    fn pop(&mut self) -> Option<Event> {
        if self.len == 0 {
            return None;
        }
        let mut looked = 0;
        loop {
            let days = &mut self.days[self.today as usize % 256];
            if days.last().is_some_and(|e| day(e) == self.today) {
                self.len -= 1;
                return days.pop();
            }
            (self.today, looked) = (self.today + 1, looked + 1);
            if looked == 256 {
                // Nothing this year: on to the first event of all.
                let first = self.days.iter().filter_map(|d| d.last()).map(day).min();
                self.today = first.unwrap_or(self.today);
            }
        }
    }
}

/// By the highest bit in which a time differs from the last one taken out (`ahuja1990`).
struct Radix {
    buckets: Vec<Vec<Event>>,
    last: u64,
}

impl Default for Radix {
    fn default() -> Self {
        Self {
            buckets: vec![Vec::new(); 65],
            last: 0,
        }
    }
}

impl Queue for Radix {
    fn push(&mut self, e: Event) {
        self.buckets[64 - (e.0 ^ self.last).leading_zeros() as usize].push(e);
    }
    fn pop(&mut self) -> Option<Event> {
        if self.buckets[0].is_empty() {
            let full = self.buckets.iter().position(|b| !b.is_empty())?;
            let events = std::mem::take(&mut self.buckets[full]);
            self.last = events.iter().map(|e| e.0).min()?;
            for &e in &events {
                self.push(e);
            }
            self.buckets[full] = events;
            self.buckets[full].clear();
        }
        let now = &mut self.buckets[0];
        let first = (0..now.len()).min_by_key(|&i| now[i])?;
        Some(now.swap_remove(first))
    }
}

/// A tree whose smallest is on top, merged in pairs (`fredman1986`).
#[derive(Default)]
struct Pairing {
    /// Event, first child, next sibling; 0 is none.
    nodes: Vec<(Event, usize, usize)>,
    free: Vec<usize>,
    root: usize,
    pairs: Vec<usize>,
}

impl Pairing {
    fn meld(&mut self, a: usize, b: usize) -> usize {
        if a == 0 || b == 0 {
            return a + b;
        }
        let (top, low) = if self.nodes[a].0 < self.nodes[b].0 {
            (a, b)
        } else {
            (b, a)
        };
        self.nodes[low].2 = self.nodes[top].1;
        self.nodes[top].1 = low;
        top
    }
}

impl Queue for Pairing {
    fn push(&mut self, e: Event) {
        if self.nodes.is_empty() {
            self.nodes.push((e, 0, 0));
        }
        let i = self.free.pop().unwrap_or(self.nodes.len());
        if i == self.nodes.len() {
            self.nodes.push((e, 0, 0));
        }
        self.nodes[i] = (e, 0, 0);
        self.root = self.meld(self.root, i);
    }
    fn pop(&mut self) -> Option<Event> {
        let root = self.root;
        if root == 0 {
            return None;
        }
        self.free.push(root);
        let (first, mut child, _) = self.nodes[root];
        let mut pairs = std::mem::take(&mut self.pairs);
        while child != 0 {
            let next = self.nodes[child].2;
            let after = if next == 0 { 0 } else { self.nodes[next].2 };
            self.nodes[child].2 = 0;
            if next != 0 {
                self.nodes[next].2 = 0;
            }
            pairs.push(self.meld(child, next));
            child = after;
        }
        self.root = 0;
        while let Some(tree) = pairs.pop() {
            self.root = self.meld(self.root, tree);
        }
        self.pairs = pairs;
        Some(first)
    }
}

/// A list for each projection, in order: what has one delay comes in nearly in order.
#[derive(Default)]
struct Lists(Vec<VecDeque<Event>>);

impl Queue for Lists {
    fn push(&mut self, e: Event) {
        while self.0.len() <= e.2 as usize {
            self.0.push(VecDeque::new());
        }
        let list = &mut self.0[e.2 as usize];
        let mut place = list.len();
        while place > 0 && list[place - 1] > e {
            place -= 1;
        }
        list.insert(place, e);
    }
    fn pop(&mut self) -> Option<Event> {
        let heads = self.0.iter().enumerate();
        let heads = heads.filter_map(|(i, l)| Some((*l.front()?, i)));
        let first = heads.min()?.1;
        self.0[first].pop_front()
    }
}

/// What goes in, or that one goes out.
type Play = Vec<Option<Event>>;

struct Case {
    times: Times,
    engine: Engine,
}

impl Case {
    fn new(rate: f64, scale: f64) -> Self {
        let mut spec = NetworkSpec::new(1e-3)
            .linear("fc1", 256)
            .population("hidden", "lif", &[])
            .recurrent()
            .linear("fc2", 20)
            .population("readout", "lif", &[]);
        for node in &mut spec.nodes {
            let late = DelayedEdge {
                node: "hidden".into(),
                delay: 1e-3,
            };
            if let NodeKind::Linear { scale: s, mean, .. } = &mut node.kind {
                (*s, *mean) = (scale, 0.3 * scale / 700f64.sqrt());
                if node.name == "hidden_rec" {
                    node.from = Some(vec![EdgeSpec::Delayed(late)]);
                    (*s, *mean) = (0.2, 0.0);
                }
            }
        }
        let net = Network::<f32>::new(&[700], &spec, 1).unwrap();
        let seconds = (30_000.0 / (700.0 * rate)).min(2.0);
        let mut spikes = Vec::new();
        for i in 0..700 {
            let mut rng = Rng::new(1, i, Purpose::Encode, 0);
            let mut t = 0.0;
            while t < seconds {
                t -= (1.0 - rng.uniform()).ln() / rate;
                spikes.push((t, i));
            }
        }
        spikes.retain(|s| s.0 < seconds);
        Self {
            times: Times::new(700, seconds, [spikes]).unwrap(),
            engine: Engine::new(&net).unwrap(),
        }
    }

    /// Runs it; spikes of the hidden neurons.
    fn run(&mut self) -> Vec<(f64, u32)> {
        let mut spikes = Vec::new();
        self.engine.reset();
        let (t, units) = self.times.sample(0);
        let mut sink = |s: cortado::sim::event::Spike| {
            if s.population == 1 {
                spikes.push((s.t, s.neuron as u32));
            }
        };
        for (&t, &i) in t.iter().zip(units) {
            self.engine.run(t, &mut sink).unwrap();
            self.engine.feed(t, i as usize).unwrap();
        }
        self.engine.run(self.times.duration, sink).unwrap();
        spikes
    }

    /// What its queue is asked for; `stream` if input is fed as it comes.
    fn play(&self, spikes: &[(f64, u32)], stream: bool) -> Play {
        let (mut play, mut queue) = (Vec::new(), Binary::default());
        let put = |queue: &mut Binary, play: &mut Play, t: f64, rank, what, i| {
            let e = (t.to_bits(), rank, what, i, 0, t.to_bits());
            queue.push(e);
            play.push(Some(e));
        };
        let (t, units) = self.times.sample(0);
        let mut fed = 0;
        let mut fired = 0;
        let mut due: Option<f64> = None;
        loop {
            let head = queue.0.peek().map(|e| f64::from_bits(e.0.0));
            // Spikes of an instant leave when all of its arrivals are in.
            if let Some(now) = due.filter(|&now| {
                head.is_none_or(|h| h > now) || queue.0.peek().is_some_and(|e| e.0.1 > 0)
            }) {
                // The engine takes times that are whole picoseconds but for rounding as such; here they are not.
                while spikes.get(fired).is_some_and(|s| s.0 <= now + 1e-12) {
                    let j = spikes[fired].1;
                    put(&mut queue, &mut play, now + 1e-3, 0, 1, j);
                    put(&mut queue, &mut play, now, 1, 2, j);
                    fired += 1;
                }
                due = None;
                continue;
            }
            if fed < t.len() && (!stream || head.is_none_or(|h| h >= t[fed])) {
                put(&mut queue, &mut play, t[fed], 0, 0, units[fed]);
                fed += 1;
                continue;
            }
            let Some(e) = queue.pop() else {
                return play;
            };
            play.push(None);
            if e.1 == 0 {
                due = Some(f64::from_bits(e.0));
            }
        }
    }
}

/// Nanoseconds for an event in and out: the least of several rounds; and what came out, as one number.
fn time<Q: Queue>(play: &Play) -> (f64, u64) {
    let (mut least, mut sum) = (f64::INFINITY, 0u64);
    for _ in 0..25 {
        let mut queue = Q::default();
        let start = Instant::now();
        sum = 0;
        for step in play {
            match step {
                Some(e) => queue.push(*e),
                None => {
                    if let Some(e) = black_box(queue.pop()) {
                        sum = sum.rotate_left(5) ^ e.0 ^ u64::from(e.3);
                    }
                }
            }
        }
        least = least.min(start.elapsed().as_secs_f64());
    }
    (least * 1e9 / (play.len() / 2) as f64, sum)
}

fn main() {
    println!(
        "nanoseconds for a spike in and out of the queue; of the whole engine in the first column"
    );
    println!("activity  input     spikes  engine  binary  4-ary  pairing  calendar  radix  lists");
    for rate in [1.0, 10.0, 105.0] {
        let active = |spikes: &[(f64, u32)], case: &Case| {
            spikes.len() as f64 / (256.0 * case.times.duration)
        };
        // Hidden neurons fire about as often as inputs.
        let (mut low, mut high) = (0.05f64, 20.0f64);
        for _ in 0..10 {
            let middle = (low * high).sqrt();
            let mut case = Case::new(rate, middle);
            match active(&case.run(), &case) < rate {
                true => low = middle,
                false => high = middle,
            }
        }
        let mut case = Case::new(rate, low);
        let mut whole = f64::INFINITY;
        let mut spikes = Vec::new();
        for _ in 0..25 {
            let start = Instant::now();
            spikes = case.run();
            whole = whole.min(start.elapsed().as_secs_f64());
        }
        let activity = 1e-3 * active(&spikes, &case);
        for stream in [true, false] {
            let play = case.play(&spikes, stream);
            let all = [
                time::<Binary>(&play),
                time::<Quaternary>(&play),
                time::<Pairing>(&play),
                time::<Calendar>(&play),
                time::<Radix>(&play),
                time::<Lists>(&play),
            ];
            assert!(
                all.iter().all(|t| t.1 == all[0].1),
                "another order: {all:?}"
            );
            let n = play.len() / 2;
            let [a, b, c, d, e, f] = all.map(|t| t.0);
            println!(
                "{:6.2} %  {:8} {n:7} {:7.0} {a:7.1} {b:6.1} {c:8.1} {d:9.1} {e:6.1} {f:6.1}",
                100.0 * activity,
                if stream { "streamed" } else { "before" },
                whole * 1e9 / n as f64,
            );
        }
    }
}
