//! Laws of addresses: what is printed is parsed back, and the standard library agrees about all of the internet.
#![allow(missing_docs)]

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use proptest::collection::vec;
use proptest::prelude::*;
use stheno::{Address, ErrorKind};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn comes_back(address: &Address) -> Result<(), TestCaseError> {
    let printed = address.to_string();
    prop_assert!(!printed.chars().any(char::is_control), "{printed:?}");
    let again: Address = printed.parse().map_err(|why| TestCaseError::fail(format!("{why}")))?;
    prop_assert_eq!(&again, address);
    prop_assert_eq!(again.to_string(), printed);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn of_the_internet((host, port) in any::<(IpAddr, u16)>()) {
        let (socket, address) = (SocketAddr::new(host, port), Address::from((host, port)));
        prop_assert_eq!((address.as_inet(), address.port()), (Some(socket), Some(port)));
        prop_assert_eq!(address.to_string(), socket.to_string());
        prop_assert_eq!(Address::try_from((host.to_string().as_str(), port)), Ok(address.clone()));
        comes_back(&address)?;
    }

    #[test]
    fn with_an_interface((host, port, interface) in any::<(std::net::Ipv6Addr, u16, u32)>()) {
        comes_back(&SocketAddrV6::new(host, port, 0, interface).into())?;
    }

    #[test]
    fn of_the_file_system(path in vec(any::<u8>(), 0..=Address::MAX_NAME + 2)) {
        let good = (1..=Address::MAX_NAME).contains(&path.len()) && !path.contains(&0);
        match Address::unix(&path) {
            Ok(address) => {
                prop_assert!(good);
                prop_assert_eq!(address.path_bytes(), Some(&path[..]));
                comes_back(&address)?;
            }
            Err(why) => prop_assert!(!good && why.kind() == ErrorKind::Invalid, "{why}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_no_file_system(name in vec(any::<u8>(), 0..=Address::MAX_NAME + 2)) {
        let good = (1..=Address::MAX_NAME).contains(&name.len());
        match Address::unix_abstract(&name) {
            Ok(address) => {
                prop_assert!(good);
                prop_assert_eq!(address.abstract_name(), Some(&name[..]));
                comes_back(&address)?;
            }
            Err(why) => prop_assert!(!good && why.kind() == ErrorKind::Invalid, "{why}"),
        }
    }

    /// Letters that addresses are made of, so that some of these are.
    #[test]
    fn from_text(text in vec(prop::sample::select(b"0123456789af.:[]%@/\\xu ".to_vec()), 0..24), unix: bool) {
        let text = String::from_utf8(text).unwrap();
        let text = if unix { format!("unix:{text}") } else { text };
        let given = text.parse::<Address>();
        if !unix {
            prop_assert_eq!(given.as_ref().ok().and_then(Address::as_inet), text.parse::<SocketAddr>().ok());
        }
        match given {
            Ok(address) => comes_back(&address)?,
            Err(why) => prop_assert!(why.kind() == ErrorKind::Invalid && !why.text().is_empty()),
        }
    }
}
