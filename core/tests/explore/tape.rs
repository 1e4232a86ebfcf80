//! Choices, and all of them one after the other.

/// What was chosen at each place where there was a choice, and between how many things.
///
/// 0 is the plain course everywhere. A tape leaves it at most `daring` times, so that what there is to play stays finite.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    choices: Vec<(u8, u8)>,
    at: usize,
    dared: u32,
    daring: u32,
}

impl Tape {
    pub fn new(daring: u32) -> Self {
        Self { daring, ..Self::default() }
    }

    /// A tape that has been played once, to be played again.
    pub fn again(choices: &[(u8, u8)]) -> Self {
        Self { choices: choices.to_vec(), ..Self::default() }
    }

    /// One of `of` things.
    pub fn choose(&mut self, of: u8) -> u8 {
        if self.at == self.choices.len() {
            self.choices.push((0, if self.dared < self.daring { of } else { 1 }));
        }
        let (chosen, between) = self.choices[self.at];
        assert!(between == of || between == 1, "the same choices led elsewhere");
        self.at += 1;
        self.dared += u32::from(chosen != 0);
        chosen
    }

    /// What was chosen so far.
    pub fn played(&self) -> &[(u8, u8)] {
        &self.choices[..self.at]
    }

    /// Rewinds to the next tape; `false` where every one has been played.
    pub fn turn_over(&mut self) -> bool {
        self.choices.truncate(self.at);
        (self.at, self.dared) = (0, 0);
        while let Some((chosen, between)) = self.choices.last_mut() {
            *chosen += 1;
            if *chosen < *between {
                return true;
            }
            self.choices.pop();
        }
        false
    }
}

#[test]
fn every_tape_is_played_once() {
    let play = |daring| {
        let (mut tape, mut seen) = (Tape::new(daring), std::collections::BTreeSet::new());
        loop {
            // Who chooses 2 at first is asked once more.
            let first = tape.choose(3);
            let rest = if first == 2 { vec![tape.choose(2), tape.choose(2)] } else { vec![tape.choose(2)] };
            assert!(seen.insert((first, rest)));
            if !tape.turn_over() {
                return seen.len();
            }
        }
    };
    assert_eq!([play(0), play(1), play(2), play(3)], [1, 4, 7, 8]);
}
