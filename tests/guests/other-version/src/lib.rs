//! A connector for a later, unsupported version of the interface.

wit_bindgen::generate!({
    inline: "
        package muster:connector@0.3.0;

        interface lifecycle {
            describe: func() -> string;
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
}

export!(Other);
