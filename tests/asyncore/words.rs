//! asyncore's `_strerror`.

use stheno::{Net, Os};

/// The words are the library's own, so that they need no memory and no locale, but for the first letter the same.
#[test]
fn test_strerror() {
    let perm = rustix::io::Errno::PERM.raw_os_error();
    let system = std::io::Error::from_raw_os_error(perm).to_string().to_lowercase();
    assert_eq!(system, format!("{} (os error {perm})", Os::describe(perm)));
    assert!(!Os::describe(-1).is_empty());
    assert_eq!((stheno::errno_name(perm), stheno::errno_name(-1)), (Some("EPERM"), None));
}
