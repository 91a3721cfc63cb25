//! A connector that imports a foreign interface, a clock.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package test:foreign;

        interface clock {
            now: func() -> u64;
        }

        world foreign {
            import clock;
            include muster:connector/connector@0.1.0;
        }
    ",
    world: "test:foreign/foreign",
    generate_all,
});

use exports::muster::connector::lifecycle::{Context, Event, Exchange, Guest, Refusal, Step};

struct Foreign;

impl Guest for Foreign {
    fn describe() -> String {
        test::foreign::clock::now().to_string()
    }

    fn decide(_: Context, _: Event, _: Vec<Exchange>) -> Result<Step, Refusal> {
        Err(Refusal::RetryLater(None))
    }
}

export!(Foreign);
