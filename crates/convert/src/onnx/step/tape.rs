//! Numbers that write down what is done with them: a neuron model run on them gives its own formula.

use cortado::num::{Over, Real};
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What was written down, each entry after those that it takes from.
#[derive(Debug, Default)]
pub(super) struct Tape {
    entries: RefCell<Vec<Entry>>,
}

/// A number that something was done to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// One that comes from outside, by its number.
    Given(usize),
    /// The same for all.
    Literal(f64),
    /// A function of one.
    One(&'static str, usize),
    /// An operation on two.
    Two(&'static str, usize, usize),
    /// A choice, which cannot be written down.
    Choice,
}

/// A number: known, or an entry of a tape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol<'a> {
    Known(f64),
    Entry(&'a Tape, usize),
}

impl Tape {
    /// A number from outside.
    pub fn given(&self, number: usize) -> Symbol<'_> {
        self.push(Entry::Given(number))
    }

    /// The place of a number on the tape.
    pub fn place(&self, symbol: Symbol<'_>) -> usize {
        match symbol {
            Symbol::Entry(_, i) => i,
            Symbol::Known(x) => self.put(Entry::Literal(x)),
        }
    }

    /// All that was written down; nothing if there was a choice.
    pub fn entries(&self) -> Option<Vec<Entry>> {
        let all = self.entries.borrow();
        let choice = all.iter().any(|e| matches!(e, Entry::Choice));
        (!choice).then(|| all.clone())
    }

    fn put(&self, entry: Entry) -> usize {
        let mut all = self.entries.borrow_mut();
        all.push(entry);
        all.len() - 1
    }

    fn push(&self, entry: Entry) -> Symbol<'_> {
        Symbol::Entry(self, self.put(entry))
    }
}

impl<'a> Symbol<'a> {
    fn tape(self, other: Self) -> Option<&'a Tape> {
        match (self, other) {
            (Self::Entry(tape, _), _) | (_, Self::Entry(tape, _)) => Some(tape),
            _ => None,
        }
    }

    fn with(self, op: &'static str, other: Self, known: fn(f64, f64) -> f64) -> Self {
        match (self, other, self.tape(other)) {
            (Self::Known(a), Self::Known(b), _) => Self::Known(known(a, b)),
            (a, b, Some(tape)) => {
                let (a, b) = (tape.place(a), tape.place(b));
                tape.push(Entry::Two(op, a, b))
            }
            // Not both known means that one has a tape.
            (a, ..) => a,
        }
    }

    fn function(self, op: &'static str, known: fn(f64) -> f64) -> Self {
        match self {
            Self::Known(x) => Self::Known(known(x)),
            Self::Entry(tape, i) => tape.push(Entry::One(op, i)),
        }
    }

    fn is(self, x: f64) -> bool {
        matches!(self, Self::Known(k) if k == x)
    }
}

impl Add for Symbol<'_> {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        match (self, b) {
            (a, b) if b.is(0.0) => a,
            (a, b) if a.is(0.0) => b,
            (a, b) => a.with("Add", b, |a, b| a + b),
        }
    }
}

impl Sub for Symbol<'_> {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        if b.is(0.0) {
            return self;
        }
        self.with("Sub", b, |a, b| a - b)
    }
}

impl Mul for Symbol<'_> {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        match (self, b) {
            (a, b) if a.is(0.0) || b.is(0.0) => Self::Known(0.0),
            (a, b) if b.is(1.0) => a,
            (a, b) if a.is(1.0) => b,
            (a, b) => a.with("Mul", b, |a, b| a * b),
        }
    }
}

impl Div for Symbol<'_> {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        self.with("Div", b, |a, b| a / b)
    }
}

impl Neg for Symbol<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.function("Neg", |x| -x)
    }
}

impl<'a> Over<Symbol<'a>> for Symbol<'a> {
    fn lift(c: Self) -> Self {
        c
    }

    fn exp(self) -> Self {
        self.function("Exp", f64::exp)
    }

    fn floor(self) -> Self {
        self.function("Floor", f64::floor)
    }

    fn below(self, other: Self) -> bool {
        match (self, other, self.tape(other)) {
            (Self::Known(a), Self::Known(b), _) => a < b,
            (_, _, Some(tape)) => {
                tape.push(Entry::Choice);
                false
            }
            _ => false,
        }
    }

    fn select(cond: bool, a: Self, b: Self) -> Self {
        if cond { a } else { b }
    }
}

impl Real for Symbol<'_> {
    fn c(x: f64) -> Self {
        Self::Known(x)
    }

    /// Only of known numbers; what asks this of others makes a choice.
    fn value(self) -> f64 {
        match self {
            Self::Known(x) => x,
            Self::Entry(tape, _) => {
                tape.push(Entry::Choice);
                0.0
            }
        }
    }
}
