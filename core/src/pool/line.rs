//! Who holds chunks, and who waits for one: a place for each channel, and a line through the places.

use crate::{Error, ErrorKind, Result, Storage};

use super::chunks::NONE;

/// What a pool keeps of one channel of its loop.
///
/// Opaque; programs name it only to say where the memory is, as in `Array<Place, 16>`. It is 12 bytes long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The first chunk that the channel holds.
    pub(super) chunks: u32,
    /// Who stands before it in line, or one of the words below.
    before: u32,
    /// Who stands behind it; of one that was called, when.
    after: u32,
}

/// Stands nowhere.
const OUT: u32 = u32::MAX;
/// Need not stand in line any longer: a chunk is kept for it for one round.
const CALLED: u32 = u32::MAX - 1;
/// Nobody stands there: the end of the line.
const END: u32 = u32::MAX - 2;

impl Default for Place {
    fn default() -> Self {
        Self { chunks: NONE, before: OUT, after: OUT }
    }
}

#[derive(Debug)]
pub(super) struct Places<W> {
    /// By the channels' index.
    list: W,
    /// So many places are needed.
    expected: usize,
    first: u32,
    last: u32,
    in_line: u32,
    /// So many were called in this round, and have not come yet.
    called: u32,
    round: u32,
}

impl<W> Places<W> {
    pub(super) const fn waiting(&self) -> usize {
        self.in_line as usize
    }

    /// There will be so many channels.
    pub(super) fn expect(&mut self, places: usize) {
        self.expected = self.expected.max(places);
    }
}

impl<W: Storage<Place>> Places<W> {
    pub(super) fn new(list: W) -> Self {
        let mut list = list;
        list.truncate(0);
        Self { list, expected: 0, first: END, last: END, in_line: 0, called: 0, round: 0 }
    }

    /// Makes as many places as are needed, as far as there is room.
    #[inline]
    pub(super) fn grow(&mut self) {
        while self.list.as_slice().len() < self.expected && self.list.push(Place::default()).is_ok() {}
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Place> {
        self.list.as_mut_slice().get_mut(index as usize)
    }

    fn get(&self, index: u32) -> Option<&Place> {
        self.list.as_slice().get(index as usize)
    }

    /// Whether a channel may borrow one of so many chunks that are left.
    ///
    /// Who was called may. Who was not may have what is left when everybody else who was called or stands in line is
    /// counted.
    #[inline]
    pub(super) fn may_borrow(&mut self, index: u32, left: u32) -> Result<(), Refusal> {
        let place = match self.get(index) {
            Some(place) => *place,
            None => self.late(index)?,
        };
        let claims = self.in_line.saturating_add(self.called);
        if left > 0 && (left > claims || self.is_called(&place)) { Ok(()) } else { Err(Refusal::Wait) }
    }

    /// The place of one that came in this turn, and is used already.
    #[cold]
    #[inline(never)]
    fn late(&mut self, index: u32) -> Result<Place, Refusal> {
        self.grow();
        self.get(index).copied().ok_or(Refusal::NoPlace)
    }

    fn is_called(&self, place: &Place) -> bool {
        place.before == CALLED && place.after == self.round
    }

    /// Puts a channel at the end of the line, unless it stands in it, or has been called.
    pub(super) fn line_up(&mut self, index: u32) {
        let last = self.last;
        let Some(place) = self.get(index) else { return };
        if self.is_called(place) || !matches!(place.before, OUT | CALLED) {
            return;
        }
        if let Some(place) = self.get_mut(index) {
            (place.before, place.after) = (last, END);
        }
        match self.get_mut(last) {
            Some(before) => before.after = index,
            None => self.first = index,
        }
        self.last = index;
        self.in_line = self.in_line.saturating_add(1);
    }

    /// Who was called has come.
    #[inline]
    pub(super) fn come(&mut self, index: u32) {
        if self.get(index).is_some_and(|place| place.before == CALLED) {
            self.unlink(index);
        }
    }

    /// Takes a channel out of the line, wherever it stands, and its call back.
    #[inline]
    pub(super) fn leave(&mut self, index: u32) {
        if self.get(index).is_some_and(|place| place.before != OUT) {
            self.unlink(index);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(place) = self.get(index).copied() else { return };
        match place.before {
            CALLED => self.called = self.called.saturating_sub(u32::from(self.is_called(&place))),
            before => {
                match self.get_mut(before) {
                    Some(one) => one.after = place.after,
                    None => self.first = place.after,
                }
                match self.get_mut(place.after) {
                    Some(one) => one.before = before,
                    None => self.last = before,
                }
                self.in_line = self.in_line.saturating_sub(1);
            }
        }
        if let Some(place) = self.get_mut(index) {
            (place.before, place.after) = (OUT, OUT);
        }
    }

    /// Calls the first in line, if one of so many chunks is left for it.
    ///
    /// Who was called before this round, which `served` begins, has had its chance.
    #[inline]
    pub(super) fn next(&mut self, left: u32, served: bool) -> Option<u32> {
        if served {
            self.round = self.round.wrapping_add(1);
            self.called = 0;
        }
        if self.in_line == 0 || left <= self.called {
            return None;
        }
        let (index, round) = (self.first, self.round);
        self.leave(index);
        let place = self.get_mut(index)?;
        (place.before, place.after) = (CALLED, round);
        self.called = self.called.saturating_add(1);
        Some(index)
    }
}

/// Why a channel gets no chunk: a byte, as errors are large, and on the way of the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// Those that are left, if any, are for others, who came before.
    Wait,
    /// There is no place for the channel.
    NoPlace,
    /// The loan is not the channel's.
    NotLent,
}

impl Refusal {
    #[cold]
    pub(super) fn error(self) -> Error {
        match self {
            Self::Wait => Error::new(ErrorKind::Full, "no chunk is left to keep the rest in").doing("send"),
            Self::NoPlace => {
                Error::new(ErrorKind::Full, "the pool has no place for the channel").doing("borrow a chunk")
            }
            Self::NotLent => {
                Error::new(ErrorKind::Invalid, "the loan is another channel's, or was taken back").doing("use a loan")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::storage::Array;
    use std::vec::Vec;

    const WAIT: Result<(), Refusal> = Err(Refusal::Wait);

    fn places<const N: usize>() -> Places<Array<Place, N>> {
        let mut places = Places::new(Array::default());
        places.expect(N);
        places.grow();
        places
    }

    fn line<W: Storage<Place>>(places: &Places<W>) -> Vec<u32> {
        let mut line = Vec::new();
        let (mut at, mut before) = (places.first, END);
        while let Some(place) = places.get(at) {
            assert_eq!(place.before, before, "the line is the same both ways");
            line.push(at);
            (before, at) = (at, place.after);
        }
        assert_eq!((places.last, places.waiting()), (before, line.len()));
        line
    }

    #[test]
    fn a_place_is_12_bytes() {
        assert_eq!(size_of::<Place>(), 12);
    }

    #[test]
    fn who_leaves_the_line_leaves_no_gap() {
        for gone in 0..4 {
            let mut places = places::<4>();
            for index in [2, 0, 3, 1, 0] {
                places.line_up(index);
            }
            assert_eq!(line(&places), [2, 0, 3, 1], "each once");
            places.leave(gone);
            places.leave(gone);
            let left: Vec<_> = [2, 0, 3, 1].into_iter().filter(|index| *index != gone).collect();
            assert_eq!(line(&places), left);
            places.line_up(gone);
            assert_eq!(line(&places).last(), Some(&gone), "and comes back at the end");
        }
    }

    #[test]
    fn who_comes_later_borrows_only_what_is_left_over() {
        let mut places = places::<3>();
        places.line_up(0);
        assert_eq!((places.may_borrow(1, 1), places.may_borrow(1, 2)), (WAIT, Ok(())));
        assert_eq!(places.may_borrow(0, 1), WAIT, "not before it is called");
        assert_eq!((places.next(1, true), places.next(1, false)), (Some(0), None));
        assert_eq!((places.may_borrow(1, 1), places.may_borrow(0, 1)), (WAIT, Ok(())));
        places.line_up(0);
        assert_eq!(places.waiting(), 0, "who was called does not line up again");
        places.leave(0);
        assert_eq!(places.may_borrow(1, 1), Ok(()));
    }

    #[test]
    fn who_does_not_come_when_called_holds_nobody_up() {
        let mut places = places::<3>();
        for index in 0..3 {
            places.line_up(index);
        }
        assert_eq!((places.next(1, false), places.next(1, false)), (Some(0), None));
        assert_eq!((places.next(1, true), places.next(1, false)), (Some(1), None), "its chance is over");
        assert_eq!(places.may_borrow(0, 1), WAIT);
        places.line_up(0);
        assert_eq!(line(&places), [2, 0]);
        places.leave(1);
        assert_eq!((places.next(1, false), places.next(2, false)), (Some(2), Some(0)));
    }

    #[test]
    fn no_room_for_a_place_is_an_error_and_harms_no_other() {
        let mut places = places::<2>();
        places.expect(3);
        assert_eq!(places.may_borrow(2, 1), Err(Refusal::NoPlace));
        places.line_up(2);
        places.leave(2);
        assert_eq!((places.waiting(), places.may_borrow(1, 1)), (0, Ok(())));
    }
}
