//! CPython's `DispatcherTests`: what a dispatcher does that has no opinion on anything.

use stheno::{Dispatcher, Net, Os};

use crate::Defaults;

#[test]
fn test_basic() {
    assert!(Dispatcher::<Os>::readable(&Defaults));
    assert!(Dispatcher::<Os>::writable(&Defaults));
}

/// Hands everything to the defaults when it is written to, in the order of asyncore's test.
#[cfg(feature = "log")]
struct Unhandled;

#[cfg(feature = "log")]
impl Dispatcher<Os> for Unhandled {
    fn handle_write(&mut self, channel: &mut stheno::Channel<'_, Os, Self>) -> stheno::Result<()> {
        let mut defaults = Defaults;
        defaults.handle_expt(channel)?;
        defaults.handle_read(channel)?;
        defaults.handle_write(channel)?;
        defaults.handle_connect(channel)
    }
}

#[cfg(feature = "log")]
#[test]
fn test_unhandled() {
    use crate::common::events::*;
    use crate::logs::logged;
    on_each_backend(|backend| {
        let mut events = events::<Unhandled>(backend);
        let (here, _there) = stheno::Socket::pair().unwrap();
        let key = events.add(here, Unhandled).unwrap();
        logged();
        events.handle_write_event(key);
        let names = ["incoming priority", "read", "write", "connect"];
        assert_eq!(logged(), names.map(|name| format!("WARN: channel {key}: unhandled {name} event")));
        // asyncore logged it again each time.
        events.handle_write_event(key);
        assert_eq!(logged(), [""; 0]);
    });
}

/// The words are the library's own, so that they need no memory and no locale, but for the first letter the same.
#[test]
fn test_strerror() {
    let perm = rustix::io::Errno::PERM.raw_os_error();
    let system = std::io::Error::from_raw_os_error(perm).to_string().to_lowercase();
    assert_eq!(system, format!("{} (os error {perm})", Os::describe(perm)));
    assert!(!Os::describe(-1).is_empty());
    assert_eq!((stheno::errno_name(perm), stheno::errno_name(-1)), (Some("EPERM"), None));
}
