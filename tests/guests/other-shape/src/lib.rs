//! A component that exports the interface's name with functions of other types.

wit_bindgen::generate!({
    inline: "
        package muster:connector@0.1.0;

        interface lifecycle {
            describe: func() -> string;
            decide: func(event: string) -> string;
        }

        world connector {
            export lifecycle;
        }
    ",
});

use exports::muster::connector::lifecycle::Guest;

struct Other;

impl Guest for Other {
    fn describe() -> String {
        String::new()
    }

    fn decide(event: String) -> String {
        event
    }
}

export!(Other);
