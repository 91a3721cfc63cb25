//! A component that is not a connector.

wit_bindgen::generate!({
    inline: "
        package test:other;

        world other {
            export greet: func() -> string;
        }
    ",
});

struct Other;

impl Guest for Other {
    fn greet() -> String {
        "Hello".to_owned()
    }
}

export!(Other);
