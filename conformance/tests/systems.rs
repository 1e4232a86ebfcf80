//! The suite on multiplexers that are not like Linux's, over the simulated network.

use stheno_conformance::sim::{EspIdf, FreeRtosPlusTcp, LwIp, NuttX, On, Sets, System, Truth, Unhinted, Zephyr};
use stheno_conformance::{Backing, Need, suite};
use stheno_core::backend::Except;

suite!(unhinted, port::<Unhinted>());
suite!(nuttx, port::<NuttX>());
suite!(lwip, leaving_out(port::<LwIp>(), LISTENS_TO_NOTHING, "an unconnected socket is no result there"));
suite!(esp_idf, {
    let port = leaving_out(port::<EspIdf>(), LISTENS_TO_NOTHING, "an unconnected socket is no result there");
    leaving_out(port, MORE_THAN_TEN, "it watches more than ten at once")
});
suite!(zephyr, leaving_out(port::<Zephyr>(), MORE_THAN_THREE, "it watches more than three at once"));
// The same with a larger table: nothing but its size kept those from being run.
suite!(zephyr_configured, port::<Configured>());
suite!(freertos_plus_tcp, port::<FreeRtosPlusTcp>().without(Need::HalfClose, "the stack answers an end with its own"));

struct Configured;

impl System for Configured {
    const NAME: &'static str = "zephyr, configured";

    fn sets(truth: Truth) -> Sets {
        Zephyr::sets(truth)
    }
}

const LISTENS_TO_NOTHING: &[&str] = &[
    "contract/state-listener-that-was-shut-is-hung-up",
    "contract/state-refused-and-asked-why-is-ready",
    "contract/state-tcp-created-is-hung-up",
];

const MORE_THAN_TEN: &[&str] = &[
    "contract/closing-everyone-while-results-wait-tells-nobody-more",
    "contract/six-hundred-ready-are-told-within-a-few-waits",
    "contract/two-thousand-are-watched-and-one-is-found",
    "contract/whoever-takes-few-of-many-reaches-all",
    "scenario/many-callers",
    "scenario/walk-3",
];

const MORE_THAN_THREE: &[&str] = &[
    "contract/a-chunk-comes-back-from-whoever-ends",
    "contract/a-key-comes-back-whole",
    "contract/a-pool-serves-more-clients-than-it-has-chunks",
    "contract/a-turn-accepts-within-its-budget",
    "contract/an-interruption-that-a-net-lets-out-is-no-event",
    "contract/changes-between-results-neither-lose-nor-repeat-any",
    "contract/closed-behind-the-backend-is-told-once-or-never",
    "contract/closing-everyone-while-results-wait-tells-nobody-more",
    "contract/counters-are-exact-and-in-step-with-the-turns",
    "contract/one-fast-peer-does-not-starve-the-others",
    "contract/results-not-taken-are-dropped-or-told-again",
    "contract/six-hundred-ready-are-told-within-a-few-waits",
    "contract/test_closeall",
    "contract/test_closeall_default",
    "contract/test_quick_connect",
    "contract/test_quick_connect-inet6",
    "contract/the-same-story-leaves-the-same-trace",
    "contract/two-thousand-are-watched-and-one-is-found",
    "contract/want-of-descriptors-rests-the-listener",
    "contract/whoever-takes-few-of-many-reaches-all",
    "contract/who-waits-for-a-chunk-is-served-in-order",
    "contract/whoever-takes-few-reaches-all",
    "scenario/accept-burst",
    "scenario/many-callers",
    "scenario/pressure-half-closed",
    "scenario/pressure-reader-gone",
    "scenario/pressure-sender-gone",
    "scenario/pressure-sender-gone-unread",
    "scenario/two-listeners",
    "scenario/walk-2",
    "scenario/walk-3",
    "scenario/walk-6",
    "scenario/walk-8",
];

/// A port to this system.
fn port<S: System + 'static>() -> Backing {
    let port = Backing::simulated::<On<S>>(S::NAME);
    match S::EXCEPT {
        Except::Urgent => port,
        Except::Trouble => port.without(Need::Urgent, "the third set means trouble"),
    }
}

fn leaving_out(port: Backing, cases: &[&str], why: &str) -> Backing {
    cases.iter().fold(port, |port, case| port.leaving_out(case, why))
}
