//! Addresses from text: what parses prints as something that parses to the same, and the standard library agrees.

use std::net::{IpAddr, SocketAddr};

use stheno::{Address, ErrorKind};

/// The bytes as a text, as a path and as a name.
pub fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        from_text(text);
        from_text(&format!("unix:{text}"));
        from_host(text);
    }
    same(Address::unix(bytes), usable_path(bytes), |address| {
        assert_eq!((address.path_bytes(), address.abstract_name()), (Some(bytes), None));
    });
    if cfg!(any(target_os = "linux", target_os = "android")) {
        same(Address::unix_abstract(bytes), usable_name(bytes), |address| {
            assert_eq!((address.path_bytes(), address.abstract_name()), (None, Some(bytes)));
        });
    }
}

fn usable_path(path: &[u8]) -> bool {
    usable_name(path) && !path.contains(&0)
}

fn usable_name(name: &[u8]) -> bool {
    (1..=Address::MAX_NAME).contains(&name.len())
}

/// It is an address if it should be, which `look` then looks at, and survives being printed; or else a good error.
fn same(given: stheno::Result<Address>, expected: bool, look: impl FnOnce(&Address)) {
    match given {
        Ok(address) => {
            assert!(expected, "{address} must not be one");
            look(&address);
            let printed = address.to_string();
            assert!(!printed.chars().any(char::is_control), "{printed:?}");
            assert_eq!(format!("{address:?}"), printed);
            let again = printed.parse::<Address>();
            assert_eq!(again.as_ref(), Ok(&address), "{printed:?}");
            assert_eq!(again.map(|address| address.to_string()), Ok(printed));
        }
        Err(why) => {
            assert!(!expected, "{why}");
            assert_eq!(why.kind(), ErrorKind::Invalid);
            assert!(!why.text().is_empty() && why.to_string().ends_with(why.text()), "{why}");
        }
    }
}

fn from_text(text: &str) {
    let given = text.parse::<Address>();
    assert_eq!(Address::try_from(text), given);
    let Some(name) = text.strip_prefix("unix:") else {
        let inet = text.parse::<SocketAddr>().ok();
        return same(given, inet.is_some(), |address| {
            assert_eq!((address.as_inet(), address.port()), (inet, inet.map(|inet| inet.port())));
            assert!(address.path_bytes().is_none() && address.abstract_name().is_none() && !address.is_unnamed());
        });
    };
    match name.strip_prefix('@').map(plain) {
        Some(name) if cfg!(any(target_os = "linux", target_os = "android")) => {
            same(given, usable_name(&name), |address| assert_eq!(address.abstract_name(), Some(&name[..])));
        }
        Some(_) => assert_eq!(given.map_err(|why| why.kind()), Err(ErrorKind::Unsupported)),
        None => {
            let path = plain(name);
            same(given, usable_path(&path), |address| assert_eq!(address.path_bytes(), Some(&path[..])));
        }
    }
}

/// What an escaped name stands for: its pieces between the backslashes.
fn plain(name: &str) -> Vec<u8> {
    let mut pieces = name.split('\\');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.strip_prefix('x').and_then(|piece| piece.get(..2));
        match digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(digits) => {
                bytes.extend(u8::from_str_radix(digits, 16));
                bytes.extend(&piece.as_bytes()[3..]);
            }
            None => {
                bytes.push(b'\\');
                bytes.extend(piece.as_bytes());
            }
        }
    }
    bytes
}

fn from_host(host: &str) {
    let inet = host.parse::<IpAddr>().ok().map(|host| SocketAddr::new(host, 7007));
    same(Address::try_from((host, 7007)), inet.is_some(), |address| assert_eq!(address.as_inet(), inet));
}
