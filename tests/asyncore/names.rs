//! CPython's list of tests, and the list of what they leave untested: every name is that of a test here, or has a reason
//! why it is not.

use std::collections::BTreeSet;
use std::process::Command;

/// A class of CPython's `test_asyncore`: our module, and the names of its methods.
struct Class {
    name: &'static str,
    module: &'static str,
    methods: &'static [&'static str],
}

/// CPython 3.6 to 3.11, 31 methods, and one that only 2.7 has.
const CLASSES: [Class; 5] = [
    Class {
        name: "HelperFunctionTests",
        module: "helper_function_tests",
        methods: &[
            "test_readwriteexc",
            "test_readwrite",
            "test_closeall",
            "test_closeall_default",
            "test_compact_traceback",
        ],
    },
    Class {
        name: "DispatcherTests",
        module: "dispatcher_tests",
        methods: &[
            "test_basic",
            "test_repr",
            "test_log",
            "test_log_info",
            "test_unhandled",
            "test_strerror",
            "test_issue_8594",
        ],
    },
    Class { name: "DispatcherWithSendTests", module: "dispatcher_with_send_tests", methods: &["test_send"] },
    Class {
        name: "FileWrapperTest",
        module: "file_wrapper_test",
        methods: &["test_recv", "test_send", "test_dispatcher", "test_resource_warning", "test_close_twice"],
    },
    Class {
        name: "BaseTestAPI",
        module: "base_test_api",
        methods: &[
            "test_handle_connect",
            "test_handle_accept",
            "test_handle_accepted",
            "test_handle_read",
            "test_handle_write",
            "test_handle_close",
            "test_handle_close_after_conn_broken",
            "test_handle_expt",
            "test_handle_error",
            "test_connection_attributes",
            "test_create_socket",
            "test_bind",
            "test_set_reuse_addr",
            "test_quick_connect",
        ],
    },
];

/// What does not apply, and why.
const ARGUED_AWAY: &[(&str, &str, &str)] = &[
    (
        "HelperFunctionTests",
        "test_compact_traceback",
        "errors are values that say what was done, to what, and why; there is no exception to take a trace from",
    ),
    (
        "DispatcherTests",
        "test_repr",
        "a dispatcher is the program's own type and has no text but what the program gives it; a channel goes by its key",
    ),
    ("DispatcherTests", "test_log", "a program logs by itself; what the library logs goes through the `log` crate"),
    (
        "DispatcherTests",
        "test_log_info",
        "the same; the level stands for the type, and is asserted by `test_unhandled` and the tests in `logs`",
    ),
    (
        "DispatcherTests",
        "test_issue_8594",
        "2.7 alone: a dispatcher passed unknown attributes on to its socket; here the compiler knows all of them",
    ),
    (
        "FileWrapperTest",
        "test_resource_warning",
        "a descriptor that is dropped is closed, so that there is nothing to warn of",
    ),
];

/// Where an untested fact is tested now.
enum Now {
    /// In this program: the module and the test.
    Here(&'static str, &'static str),
    /// In another one: its source, and the test.
    There(&'static str, &'static str),
    /// Not at all, and why.
    Not(&'static str),
}
use Now::{Here, Not, There};

const ASYNCHAT: Now = Not("asynchat's; there is no terminator, no producer and no queue of them here");

/// What CPython's tests do not cover, as users found out. The numbers are those in the names of the tests.
const UNTESTED: &[(u8, &str, Now)] = &[
    (
        1,
        "connect with writable() false",
        Here("untested", "fact_01_who_never_wants_to_write_is_told_of_its_connection"),
    ),
    (2, "a hang-up with pending data", Here("untested", "fact_02_what_was_sent_before_a_hang_up_is_read_to_its_end")),
    (3, "close told twice", Here("untested", "fact_03_an_end_that_is_found_many_times_is_told_once")),
    (4, "close inside handle_connect and handle_read", Here("untested", "fact_04_close_inside_a_handler_is_the_end")),
    (
        5,
        "a descriptor's number used again in one pass",
        Here("untested", "fact_05_what_fired_for_a_channel_that_was_closed_is_not_told_to_its_successor"),
    ),
    (
        6,
        "NVAL",
        Here("untested", "fact_06_a_descriptor_that_is_not_open_is_an_error_and_close_whatever_the_handler_says"),
    ),
    (6, "EBADF", There(include_str!("../closed_behind.rs"), "descriptors_that_are_closed_behind_the_loops_back")),
    (7, "exceptions in predicates", Not("a predicate gives a bool, and has nothing to fail with")),
    (
        7,
        "exceptions in handle_error",
        There(
            include_str!("../bad_input.rs"),
            "a_failing_handle_error_closes_and_a_failing_handle_close_changes_nothing",
        ),
    ),
    (8, "EMFILE", There(include_str!("../exhaustion.rs"), "descriptors_run_out")),
    (
        9,
        "how many are accepted at once",
        Here("untested", "fact_09_a_listener_accepts_a_batch_in_a_turn_and_the_rest_in_the_next"),
    ),
    (10, "a timeout below a millisecond", Here("loops", "a_turn_waits_as_long_as_it_was_told")),
    (
        11,
        "no interest, and timeout None",
        Here("untested", "fact_11_without_an_interest_and_without_a_timeout_the_loop_sleeps_until_it_is_woken"),
    ),
    (12, "half close", Here("untested", "fact_12_a_half_that_is_shut_is_told_to_the_peer_and_the_other_half_goes_on")),
    (
        13,
        "AF_UNIX and EAGAIN",
        Here("untested", "fact_13_a_unix_listener_whose_line_is_full_refuses_at_once_and_later_there_is_room"),
    ),
    (
        14,
        "an unconnected socket in the map",
        Here("untested", "fact_14_a_socket_that_is_not_connected_yet_is_silent_and_says_so"),
    ),
    (15, "partial sends", Here("untested", "fact_15_what_a_send_did_not_take_follows_in_order")),
    (
        16,
        "descriptors of 1024 and more",
        There(include_str!("../select_size.rs"), "the_connection_past_its_size_is_refused_and_the_rest_go_on"),
    ),
    (17, "close inside found_terminator", ASYNCHAT),
    (18, "close_when_done with an empty queue, or unconnected", ASYNCHAT),
    (19, "push after close_when_done", ASYNCHAT),
    (20, "a falsy producer", ASYNCHAT),
    (21, "the rest of a numeric terminator", ASYNCHAT),
    (22, "a terminator changed amid the buffer", ASYNCHAT),
    (23, "the end with a prefix held back", ASYNCHAT),
    (24, "a terminator longer than what is read at once", ASYNCHAT),
];

/// The tests of this program, as it lists them itself: module and name.
fn present() -> BTreeSet<(String, String)> {
    let this = std::env::current_exe().unwrap();
    let listed = Command::new(this).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test")?.split_once("::"));
    names.map(|(module, name)| (module.to_owned(), name.to_owned())).collect()
}

#[test]
fn every_test_of_cpython_is_here_or_argued_away() {
    let (present, mut methods, mut argued) = (present(), 0, 0);
    for Class { name, module, methods: known } in CLASSES {
        let here: BTreeSet<_> = present.iter().filter(|(at, _)| at == module).map(|(_, test)| test.as_str()).collect();
        let away: BTreeSet<_> =
            ARGUED_AWAY.iter().filter(|(class, ..)| *class == name).map(|(_, test, _)| *test).collect();
        assert!(here.is_disjoint(&away), "{name}: both tested and argued away: {:?}", &here & &away);
        let known: BTreeSet<_> = known.iter().copied().collect();
        assert_eq!(&here | &away, known, "{name}");
        (methods, argued) = (methods + known.len(), argued + away.len());
    }
    assert_eq!((methods, argued), (32, ARGUED_AWAY.len()), "31, and one of 2.7");
    assert!(ARGUED_AWAY.iter().all(|(.., why)| !why.is_empty()));
}

#[test]
fn every_untested_fact_is_tested_now_or_argued_away() {
    let present = present();
    let mut numbered = BTreeSet::new();
    for (number, fact, now) in UNTESTED {
        match now {
            Here(module, test) => {
                let named = ((*module).to_owned(), (*test).to_owned());
                assert!(present.contains(&named), "{number}, {fact}: there is no {module}::{test}");
                let prefix = format!("fact_{number:02}_");
                assert!(*module != "untested" || test.starts_with(&prefix), "{number}, {fact}: {test}");
                numbered.insert(*test);
            }
            There(source, test) => {
                assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{number}, {fact}: there is no {test}");
            }
            Not(why) => assert!(!why.is_empty(), "{number}, {fact}"),
        }
    }
    let numbers: BTreeSet<_> = UNTESTED.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=24).collect(), "no number is left out");
    let unlisted: Vec<_> =
        present.iter().filter(|(at, test)| at == "untested" && !numbered.contains(test.as_str())).collect();
    assert!(unlisted.is_empty(), "not in the list: {unlisted:?}");
}
