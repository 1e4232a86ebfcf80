//! Interest and readiness are sets.

use std::string::ToString;

use proptest::prelude::*;
use stheno_core::backend::told;
use stheno_core::{Interest, Readiness};

use crate::cases;

macro_rules! laws_of_a_set {
    ($name:ident, $set:ident, $bits:literal) => {
        mod $name {
            use super::*;

            fn any_set() -> impl Strategy<Value = $set> {
                any::<u8>().prop_map($set::from_bits_truncate)
            }

            proptest! {
                #![proptest_config(cases(256))]

                #[test]
                fn is_an_algebra((a, b, c) in (any_set(), any_set(), any_set())) {
                    prop_assert_eq!(a | b, b | a);
                    prop_assert_eq!(a & b, b & a);
                    prop_assert_eq!((a | b) | c, a | (b | c));
                    prop_assert_eq!((a & b) & c, a & (b & c));
                    prop_assert_eq!(a & (b | c), (a & b) | (a & c));
                    prop_assert_eq!((a | a, a & a, a - a), (a, a, $set::NONE));
                    prop_assert_eq!((a | $set::NONE, a & $set::ALL, a - $set::NONE), (a, a, a));
                    prop_assert_eq!((a - b) | (a & b), a);
                    prop_assert!(!(a - b).intersects(b));
                    prop_assert_eq!(a - (b | c), (a - b) & (a - c));
                    let mut both = a;
                    both |= b;
                    prop_assert_eq!(both, a.union(b));
                }

                #[test]
                fn questions_agree((a, b) in (any_set(), any_set())) {
                    prop_assert_eq!(a.contains(b), a | b == a);
                    prop_assert_eq!(a.intersects(b), !(a & b).is_empty());
                    prop_assert_eq!(a.is_empty(), a == $set::NONE);
                    prop_assert!($set::ALL.contains(a) && a.contains($set::NONE));
                    prop_assert_eq!((a.when(true), a.when(false)), (a, $set::NONE));
                }

                #[test]
                fn bits_that_mean_nothing_are_dropped(bits: u8) {
                    let set = $set::from_bits_truncate(bits);
                    prop_assert_eq!(set.bits(), bits & ((1_u16 << $bits) - 1) as u8);
                    prop_assert_eq!($set::from_bits_truncate(set.bits()), set);
                }

                #[test]
                fn is_printed_by_its_members(a in any_set()) {
                    let members = (0..$bits).map(|bit| $set::from_bits_truncate(1 << bit)).filter(|bit| a.contains(*bit));
                    let names: Vec<String> = members.map(|bit| bit.to_string()).collect();
                    let printed = if names.is_empty() { "nothing".into() } else { names.join(" | ") };
                    prop_assert_eq!(a.to_string(), &printed[..]);
                    prop_assert_eq!(format!("{a:?}"), printed);
                }

                #[cfg(feature = "bitflags")]
                #[test]
                fn what_is_printed_is_parsed(a in any_set()) {
                    use bitflags::Flags;
                    let printed = if a.is_empty() { String::new() } else { a.to_string() };
                    prop_assert_eq!(bitflags::parser::from_str::<$set>(&printed).ok(), Some(a));
                    prop_assert_eq!(a.iter().fold($set::NONE, |all, bit| all | bit), a);
                    prop_assert_eq!(Flags::bits(&a), a.bits());
                }
            }
        }
    };
}

laws_of_a_set!(interest, Interest, 3);
laws_of_a_set!(readiness, Readiness, 6);

fn interests() -> impl Strategy<Value = Interest> {
    any::<u8>().prop_map(Interest::from_bits_truncate)
}

fn readinesses() -> impl Strategy<Value = Readiness> {
    any::<u8>().prop_map(Readiness::from_bits_truncate)
}

proptest! {
    #![proptest_config(cases(512))]

    /// Clauses B3 and B5.
    #[test]
    fn nothing_is_told_unasked_but_what_ails_the_channel(system in readinesses(), interest in interests()) {
        let said = told(system, interest);
        let asked = Readiness::READABLE.when(interest.contains(Interest::READ))
            | Readiness::WRITABLE.when(interest.contains(Interest::WRITE))
            | Readiness::PRIORITY.when(interest.contains(Interest::PRIORITY));
        prop_assert!((asked | Readiness::ERROR | Readiness::HANGUP | Readiness::INVALID).contains(said));
        prop_assert_eq!(told(system, Interest::NONE), Readiness::NONE);
        // What was asked for and holds is told.
        prop_assert!(interest.is_empty() || said.contains(system & asked));
    }

    #[test]
    fn who_asks_more_of_a_system_that_says_more_is_told_no_less(
        (a, b) in (readinesses(), readinesses()), (i, j) in (interests(), interests())
    ) {
        prop_assert!(told(a | b, i | j).contains(told(a, i)));
        prop_assert_eq!(told(told(a, i), i), told(a, i));
    }

    /// Clause B6: what would not block is told to whoever asked.
    #[test]
    fn what_ails_a_channel_is_ready(system in readinesses(), interest in interests()) {
        let (over, error) = (Readiness::ERROR | Readiness::HANGUP, Readiness::ERROR);
        let said = told(system, interest);
        if interest.contains(Interest::READ) && system.intersects(over) {
            prop_assert!(said.contains(Readiness::READABLE));
        }
        if interest.contains(Interest::WRITE) && system.intersects(error) {
            prop_assert!(said.contains(Readiness::WRITABLE));
        }
    }
}
