//! What channels are told of their own ends: whoever has ended was told so, or ended itself, once, and hears nothing more.

use std::cell::RefCell;
use std::rc::Rc;

use stheno_conformance::sim::Address;

/// Whose life a channel serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The program's own.
    Door,
    /// Who called from there.
    Caller(Address),
    /// Who called from there as well: the program dialled out for it.
    Joined(Address),
}

#[derive(Debug)]
struct Life {
    whose: Whose,
    /// How often `handle_close` was told.
    told: u32,
    /// How often the program closed it.
    left: u32,
}

#[derive(Default)]
struct Pages {
    lives: Vec<Life>,
    wrong: Vec<String>,
}

/// The lives of all channels of a session.
#[derive(Clone, Default)]
pub struct Book(Rc<RefCell<Pages>>);

/// The life of one channel, which its dispatcher has.
pub struct Page {
    book: Book,
    number: usize,
}

impl Book {
    /// A channel's life begins.
    pub fn open(&self, whose: Whose) -> Page {
        let mut pages = self.0.borrow_mut();
        pages.lives.push(Life { whose, told: 0, left: 0 });
        Page { book: self.clone(), number: pages.lives.len() - 1 }
    }

    /// A channel that was to be opened, and was not; the program knows.
    pub fn never_came(&self, whose: Whose) {
        for life in self.0.borrow_mut().lives.iter_mut().filter(|life| life.whose == whose) {
            life.left += 1;
        }
    }

    /// What was told that must not be, and ends that were told too often or not at all: for each life, whether it is over
    /// is known from outside.
    pub fn look(&self, is_over: impl Fn(Whose) -> bool) -> Result<(), String> {
        let pages = self.0.borrow();
        if let Some(wrong) = pages.wrong.first() {
            return Err(wrong.clone());
        }
        match pages.lives.iter().find(|life| life.told + life.left != u32::from(is_over(life.whose))) {
            Some(life) if is_over(life.whose) => Err(format!("exactly one end was to be told: {life:?}")),
            Some(life) => Err(format!("it lives, and was ended: {life:?}")),
            None => Ok(()),
        }
    }
}

impl Page {
    /// The same book, for those that come.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// A handler runs.
    pub fn is_told(&self, event: &str) {
        let mut pages = self.book.0.borrow_mut();
        let life = &pages.lives[self.number];
        if life.told + life.left > 0 {
            let wrong = format!("{event} was told after the end of {life:?}");
            pages.wrong.push(wrong);
        }
    }

    /// `handle_close` runs.
    pub fn is_told_its_end(&self) {
        self.is_told("close");
        self.book.0.borrow_mut().lives[self.number].told += 1;
    }

    /// The program closes it.
    pub fn is_left(&self) {
        self.book.0.borrow_mut().lives[self.number].left += 1;
    }
}

#[test]
fn whoever_ends_is_told_so_once() {
    let (here, there) = (Whose::Caller(Address::new(1)), Whose::Joined(Address::new(1)));
    let book = Book::default();
    let (a, b) = (book.open(here), book.open(there));
    a.is_told("read");
    assert_eq!(book.look(|_| false), Ok(()));
    assert!(book.look(|whose| whose == here).unwrap_err().starts_with("exactly one end"));
    a.is_told_its_end();
    b.is_left();
    assert_eq!(book.look(|_| true), Ok(()));
    assert!(book.look(|whose| whose == here).unwrap_err().starts_with("it lives"));
    b.is_left();
    assert!(book.look(|_| true).unwrap_err().starts_with("exactly one end"));
    a.is_told("read");
    assert!(book.look(|_| true).unwrap_err().starts_with("read was told after the end"));
}
