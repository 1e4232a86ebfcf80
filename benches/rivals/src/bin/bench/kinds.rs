//! The servers, and which bare loop each is compared with.

/// Every server, each floor before those that are compared with it.
pub const ALL: [&str; 10] = [
    "floor-epoll",
    "stheno-epoll",
    "mio",
    "polling",
    "calloop",
    "tokio",
    "floor-poll",
    "stheno-poll",
    "floor-select",
    "stheno-select",
];

/// The bare loop on the same system call.
pub fn floor_of(kind: &str) -> &'static str {
    if kind.ends_with("-poll") {
        "floor-poll"
    } else if kind.ends_with("-select") {
        "floor-select"
    } else {
        "floor-epoll"
    }
}

/// Whether a wait costs time in the number of channels.
pub fn looks_at_all(kind: &str) -> bool {
    floor_of(kind) != "floor-epoll"
}

#[cfg(test)]
mod tests {
    use super::{ALL, floor_of};

    #[test]
    fn each_has_a_floor_that_stands_before_it() {
        for (place, kind) in ALL.iter().enumerate() {
            let floor = ALL.iter().position(|other| *other == floor_of(kind)).unwrap();
            assert!(floor <= place, "{kind}");
            assert_eq!(floor == place, kind.starts_with("floor"), "{kind}");
        }
    }
}
