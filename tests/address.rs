//! Addresses: what parses, what prints, what is refused and how.
#![allow(missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use stheno::{Address, ErrorKind};

#[test]
fn what_parses_prints_the_same() {
    for text in [
        "127.0.0.1:7007",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "[::1]:0",
        "[::]:7007",
        "[fe80::1%2]:80",
        "[2001:db8::1]:443",
        "unix:/run/chat",
        "unix:chat",
        "unix:./@chat",
        r"unix:\x40chat",
        r"unix:/a\x0ab\x5cc",
        r"unix:/\xff\xfe",
        "unix:/tmp/größe 1",
        #[cfg(target_os = "linux")]
        "unix:@chat",
        #[cfg(target_os = "linux")]
        r"unix:@@\x00chat\x00",
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(format!("{address:?}"), text);
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

#[test]
fn other_spellings() {
    let same = |given: &str, printed: &str| assert_eq!(given.parse::<Address>().unwrap().to_string(), printed);
    same("[0:0::1]:007", "[::1]:7");
    same(r"unix:/a\b", r"unix:/a\x5cb");
    same(r"unix:/\x41", "unix:/A");
    same(r"unix:/\x4", r"unix:/\x5cx4");
    same("unix:/a\nb", r"unix:/a\x0ab");
}

#[test]
fn refusals_name_what_was_given_and_say_what_to_mend() {
    for (given, why) in [
        ("", "the address is empty"),
        ("localhost:80", "not an IP address: names are not looked up"),
        ("localhost", "not an IP address: names are not looked up"),
        ("127.0.0.1", "the port is missing"),
        ("127.0.0.1:", "the port is missing"),
        ("[::1]", "the port is missing"),
        ("[::1]:", "the port is missing"),
        ("127.0.0.1:65536", "the port is not a number from 0 to 65535"),
        ("127.0.0.1:-1", "the port is not a number from 0 to 65535"),
        ("127.0.0.1:http", "the port is not a number from 0 to 65535"),
        ("[fe80::1%2]:x", "the port is not a number from 0 to 65535"),
        ("127.0.0.256:80", "not an IP address: names are not looked up"),
        (" 127.0.0.1:80", "not an IP address: names are not looked up"),
        ("[fe80::1%eth0]:80", "not an IP address: names are not looked up"),
        ("[127.0.0.1]:80", "not an IP address: names are not looked up"),
        ("::1", "an IPv6 address stands in brackets, and the port after them"),
        ("::1:80", "an IPv6 address stands in brackets, and the port after them"),
        ("[::1:80", "the bracket is not closed"),
        (":7007", "the host is missing: 0.0.0.0 or [::] stand for all of them"),
        (":", "the host is missing: 0.0.0.0 or [::] stand for all of them"),
        ("[]:80", "the host is missing: 0.0.0.0 or [::] stand for all of them"),
        ("unix:", "the path is empty"),
        ("unix:/a\0b", "the path holds a NUL byte"),
        (r"unix:/a\x00", "the path holds a NUL byte"),
        #[cfg(target_os = "linux")]
        ("unix:@", "the name is empty"),
        ("(unnamed)", "not an IP address: names are not looked up"),
    ] {
        let error = given.parse::<Address>().unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, why), "{given:?}");
        assert_eq!(error.to_string(), format!("parse address {given}: {why}"));
        assert_eq!(Address::try_from(given), Err(error));
    }
}

#[test]
fn names_may_be_as_long_as_the_system_allows() {
    let path = "p".repeat(Address::MAX_NAME);
    let address: Address = format!("unix:{path}").parse().unwrap();
    assert_eq!(address.path_bytes(), Some(path.as_bytes()));
    let long = format!("unix:{path}p").parse::<Address>().unwrap_err();
    assert_eq!((long.kind(), long.text()), (ErrorKind::Invalid, "the path is longer than the system allows"));
    assert!(Address::unix(vec![b'p'; 100_000]).is_err());
    // Escapes count as the byte they stand for.
    assert!(format!("unix:{}", r"\x41".repeat(Address::MAX_NAME)).parse::<Address>().is_ok());
    assert!(format!("unix:{}", r"\x41".repeat(Address::MAX_NAME + 1)).parse::<Address>().is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_hold_any_byte() {
    let all: Vec<u8> = (0..107).map(|n| n * 2).collect();
    let address = Address::unix_abstract(&all).unwrap();
    assert_eq!((address.abstract_name(), address.path_bytes()), (Some(&all[..]), None));
    assert_eq!(address.to_string().parse(), Ok(address));
    let long = Address::unix_abstract([1; 108]).unwrap_err();
    assert_eq!((long.kind(), long.text()), (ErrorKind::Invalid, "the name is longer than the system allows"));
    let chat = Address::unix_abstract("chat").unwrap();
    assert_ne!(chat, Address::unix("chat").unwrap());
    assert_eq!(chat, "unix:@chat".parse().unwrap());
}

#[test]
fn conversions_and_parts() {
    let v4 = SocketAddr::from(([127, 0, 0, 1], 7));
    for same in [
        Address::from(v4),
        Address::from((Ipv4Addr::LOCALHOST, 7)),
        Address::from((IpAddr::from(Ipv4Addr::LOCALHOST), 7)),
        Address::try_from(("127.0.0.1", 7)).unwrap(),
        Address::try_from("127.0.0.1:7").unwrap(),
        #[cfg(feature = "alloc")]
        Address::try_from(String::from("127.0.0.1:7")).unwrap(),
        Address::from(&Address::from(v4)),
    ] {
        assert_eq!(same.as_inet(), Some(v4));
        assert_eq!((same.port(), same.path_bytes(), same.abstract_name()), (Some(7), None, None));
    }
    assert_eq!(Address::try_from(("::1", 7)), Ok(Address::from((Ipv6Addr::LOCALHOST, 7))));
    let why = Address::try_from(("", 7)).unwrap_err();
    assert_eq!(why.text(), "the host is missing: 0.0.0.0 or :: stand for all of them");
    assert!(Address::try_from(("localhost", 7)).is_err());

    let path = Address::unix("/run/chat").unwrap();
    assert_eq!((path.as_inet(), path.port(), path.is_unnamed()), (None, None, false));
    #[cfg(feature = "std")]
    {
        assert_eq!(path.as_path(), Some(std::path::Path::new("/run/chat")));
        assert_eq!(Address::try_from(std::path::Path::new("/run/chat")), Ok(path));
    }
    assert!(Address::unnamed().is_unnamed());
    assert_eq!(Address::unnamed().to_string(), "(unnamed)");
}
