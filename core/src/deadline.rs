//! The queue of deadlines: a binary heap whose array lies in the slots themselves.
//!
//! Every slot holds one entry of the heap's array (which slot stands at that place) beside its own deadline, so that the
//! queue needs no storage of its own and never grows. A deadline that moves later is one store: the slot stays *filed*
//! under the earlier time, and is moved when that comes due. Only an earlier deadline moves in the heap, in O(log n).

use crate::Instant;

/// What a slot holds for the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filing {
    /// When the channel is to be told.
    pub(crate) deadline: Instant,
    /// The time by which the heap is ordered: never later than the deadline, while the slot is in the heap.
    filed: Instant,
    /// Where this slot stands in the heap, from 1; 0 where it does not.
    place: u32,
    /// The slot that stands at the place of the heap's array that lies here.
    occupant: u32,
}

impl Filing {
    pub(crate) const NONE: Self = Self { deadline: Instant::NEVER, filed: Instant::NEVER, place: 0, occupant: 0 };

    /// Whether the heap must move the slot for its deadline to be met.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline != Instant::NEVER && (self.place == 0 || self.deadline < self.filed)
    }
}

/// A slot, as far as the queue is concerned.
pub(crate) trait Filed {
    fn filing(&self) -> &Filing;
    fn filing_mut(&mut self) -> &mut Filing;
}

/// The heap: only its length; everything else is in the slots.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Queue {
    len: u32,
}

impl Queue {
    pub(crate) const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The slot that comes due first, and when the heap thinks it does.
    pub(crate) fn first(self, slots: &[impl Filed]) -> Option<(u32, Instant)> {
        if self.is_empty() {
            return None;
        }
        let index = slots.first()?.filing().occupant;
        Some((index, slots.get(index as usize)?.filing().filed))
    }

    /// Puts the slot where its deadline belongs: into the heap, elsewhere in it, or out of it.
    pub(crate) fn file(&mut self, slots: &mut [impl Filed], index: u32) {
        let Some(filing) = slots.get_mut(index as usize).map(Filed::filing_mut) else { return };
        if filing.deadline == Instant::NEVER {
            return self.unfile(slots, index);
        }
        filing.filed = filing.deadline;
        let mut place = filing.place;
        if place == 0 {
            self.len += 1;
            place = self.len;
            put(slots, place, index);
        }
        sift(slots, place, self.len);
    }

    /// Takes the slot out of the heap, if it is there.
    pub(crate) fn unfile(&mut self, slots: &mut [impl Filed], index: u32) {
        let Some(filing) = slots.get_mut(index as usize).map(Filed::filing_mut) else { return };
        let place = core::mem::take(&mut filing.place);
        if place == 0 {
            return;
        }
        let last = self.len;
        self.len -= 1;
        if place != last
            && let Some(moved) = occupant(slots, last)
        {
            put(slots, place, moved);
            sift(slots, place, self.len);
        }
    }
}

/// Moves what stands at this place up until those above come no later, or down until those below come no earlier.
fn sift(slots: &mut [impl Filed], mut place: u32, len: u32) {
    let mine = filed(slots, place);
    let mut rises = place > 1;
    loop {
        // Who has sunk or stands still does not rise again.
        rises = rises && place > 1 && mine < filed(slots, place / 2);
        let mut next = place / 2;
        if !rises {
            let mut when = mine;
            next = place;
            for child in [place * 2, place * 2 + 1] {
                let filed = if child <= len { filed(slots, child) } else { Instant::NEVER };
                if filed < when {
                    (next, when) = (child, filed);
                }
            }
            if next == place {
                return;
            }
        }
        swap(slots, place, next);
        place = next;
    }
}

fn swap(slots: &mut [impl Filed], a: u32, b: u32) {
    if let (Some(at_a), Some(at_b)) = (occupant(slots, a), occupant(slots, b)) {
        put(slots, a, at_b);
        put(slots, b, at_a);
    }
}

fn put(slots: &mut [impl Filed], place: u32, index: u32) {
    if let Some(slot) = slots.get_mut(place as usize - 1) {
        slot.filing_mut().occupant = index;
    }
    if let Some(slot) = slots.get_mut(index as usize) {
        slot.filing_mut().place = place;
    }
}

fn occupant(slots: &[impl Filed], place: u32) -> Option<u32> {
    Some(slots.get(place as usize - 1)?.filing().occupant)
}

fn filed(slots: &[impl Filed], place: u32) -> Instant {
    let index = occupant(slots, place).unwrap_or(u32::MAX);
    slots.get(index as usize).map_or(Instant::NEVER, |slot| slot.filing().filed)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Filed for Filing {
        fn filing(&self) -> &Filing {
            self
        }
        fn filing_mut(&mut self) -> &mut Filing {
            self
        }
    }

    /// Random moves of 24 deadlines, each checked against the plain minimum of all that are set.
    #[test]
    fn the_first_is_always_the_least() {
        const SLOTS: usize = 24;
        const MOVES: u32 = if cfg!(miri) { 100 } else { 100_000 };
        let (mut slots, mut queue, mut seed) = ([Filing::NONE; SLOTS], Queue::default(), 1_u64);
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..MOVES {
            let index = random(SLOTS as u64) as u32;
            slots[index as usize].deadline =
                if random(4) == 0 { Instant::NEVER } else { Instant::from_nanos(random(1000)) };
            if random(5) == 0 {
                queue.unfile(&mut slots, index);
                slots[index as usize].deadline = Instant::NEVER;
            } else {
                queue.file(&mut slots, index);
            }
            let least = slots.iter().map(|slot| slot.deadline).min().filter(|least| *least != Instant::NEVER);
            assert_eq!(queue.first(&slots).map(|(_, when)| when), least);
            assert_eq!(queue.len as usize, slots.iter().filter(|slot| slot.place != 0).count());
        }
    }

    #[test]
    fn everything_comes_out_in_order() {
        let (mut slots, mut queue) = ([Filing::NONE; 9], Queue::default());
        for (index, when) in [5, 3, 8, 3, 1, 9, 2, 7, 3].into_iter().enumerate() {
            slots[index].deadline = Instant::from_nanos(when);
            queue.file(&mut slots, index as u32);
        }
        for when in [1, 2, 3, 3, 3, 5, 7, 8, 9] {
            let (index, first) = queue.first(&slots).unwrap();
            assert_eq!(first, Instant::from_nanos(when));
            queue.unfile(&mut slots, index);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_later_deadline_needs_no_move() {
        let (mut slots, mut queue) = ([Filing::NONE; 2], Queue::default());
        slots[1].deadline = Instant::from_nanos(5);
        assert!(slots[1].is_late());
        queue.file(&mut slots, 1);
        assert!(!slots[1].is_late());
        slots[1].deadline = Instant::from_nanos(50);
        assert!(!slots[1].is_late());
        assert_eq!(queue.first(&slots), Some((1, Instant::from_nanos(5))));
        slots[1].deadline = Instant::from_nanos(4);
        assert!(slots[1].is_late());
    }
}
