//! What the adaptors over other crates share.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;

use stheno::backend::told;
use stheno::{Error, ErrorKind, Fired, Interest, Key, Readiness};

/// What fails on each of them, and what it does instead.
#[rustfmt::skip]
pub const DIVERGENCES: &[(&str, &str)] = &[
    ("contract/FileWrapperTest.test_send", FILES),
    ("contract/a-file-and-a-socket-under-one-key-are-refused-or-watched-each", FILES),
    ("contract/a-file-is-ready-at-every-wait-beside-the-others", FILES),
    ("contract/a-file-registered-twice-is-refused-and-nothing-changes", FILES),
    ("contract/a-file-that-wants-nothing-lets-the-others-wait", FILES),
    ("contract/state-dev-null-is-always-ready", FILES),
    ("contract/state-directory-is-always-ready", FILES),
    ("contract/state-regular-file-is-always-ready", FILES),
    ("contract/test_dispatcher", FILES),
    ("contract/test_recv", FILES),
    ("contract/whoever-takes-few-reaches-all-files-included", FILES),
    ("contract/state-urgent-byte-is-priority-and-no-data", URGENT),
    ("contract/test_handle_expt", PASSED_OVER),
    ("contract/test_handle_expt-inet6", PASSED_OVER),
    ("contract/urgent-data-comes-after-what-was-sent-before", PASSED_OVER),
    ("scenario/oob-client-early", PASSED_OVER),
    ("scenario/oob-output", PASSED_OVER),
    ("scenario/oob-twice-at-once", PASSED_OVER),
    ("scenario/oob-unreadable", PASSED_OVER),
    ("scenario/on-expt-close", PASSED_OVER),
    ("scenario/on-expt-push", PASSED_OVER),
    ("scenario/on-expt-raise", PASSED_OVER),
    ("scenario/urgent", PASSED_OVER),
    ("scenario/walk-1", PASSED_OVER),
    ("scenario/walk-4", URGENT),
    ("scenario/walk-5", PASSED_OVER),
    ("scenario/walk-7", URGENT),
];

const FILES: &str = "a file is refused, where B10 wants it to be always ready";
const URGENT: &str = "an urgent byte is told as data, too";
const PASSED_OVER: &str = "the receive that an urgent byte told as data leads to passes over it, and it is lost";

/// What is registered: by the key, as the other crate hands it back.
#[derive(Default)]
pub struct Keys(BTreeMap<usize, (RawFd, Interest)>);

impl Keys {
    pub fn set(&mut self, token: usize, fd: RawFd, interest: Interest) {
        self.0.insert(token, (fd, interest));
    }

    pub fn forget(&mut self, token: usize) -> bool {
        self.0.remove(&token).is_some()
    }

    pub fn known(&self, token: usize) -> Option<(RawFd, Interest)> {
        self.0.get(&token).copied()
    }

    /// What the loop is told where the other crate says this; nothing where that is nothing that was asked for.
    pub fn fired(&self, token: usize, said: Readiness) -> Option<Fired> {
        let (_, interest) = self.known(token)?;
        let readiness = told(said, interest);
        (!readiness.is_empty()).then_some(Fired { key: Key::from_bits(token as u64), readiness })
    }
}

/// What a wait found, whoever comes after the last one taken first: a batch that is not taken whole starves nobody. (B8)
#[derive(Default)]
pub struct Results {
    list: Vec<Fired>,
    last: u64,
}

impl Results {
    pub fn fill(&mut self, found: impl Iterator<Item = Fired>) -> usize {
        self.list.clear();
        self.list.extend(found);
        let from = self.last.wrapping_add(1);
        self.list.sort_by_key(|fired| Reverse(fired.key.to_bits().wrapping_sub(from)));
        self.list.len()
    }

    pub fn take(&mut self) -> Option<Fired> {
        let fired = self.list.pop()?;
        self.last = fired.key.to_bits();
        Some(fired)
    }
}

/// The number under which the other crate knows a key.
pub fn token(key: Key) -> usize {
    key.to_bits() as usize
}

/// The other crate's error in the loop's words.
pub fn failure(why: io::Error) -> Error {
    let (kind, text) = match why.kind() {
        io::ErrorKind::Interrupted => (ErrorKind::Interrupted, "a signal came"),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => (ErrorKind::Invalid, "registered, or not registered"),
        io::ErrorKind::PermissionDenied => (ErrorKind::Unsupported, "nothing that can be watched"),
        _ if why.raw_os_error() == Some(BAD_DESCRIPTOR) => (ErrorKind::BadDescriptor, "the descriptor is not open"),
        _ => (ErrorKind::Other, "the crate refused"),
    };
    Error::new(kind, text).with_code(why.raw_os_error().unwrap_or(0))
}

/// `EBADF` on Linux.
const BAD_DESCRIPTOR: i32 = 9;

/// Leaving is idempotent: what is not there is no error. (B15)
pub fn gone(left: io::Result<()>) -> Result<(), Error> {
    match left.map_err(failure) {
        Err(why) if !matches!(why.kind(), ErrorKind::Invalid | ErrorKind::BadDescriptor) => Err(why),
        _ => Ok(()),
    }
}
