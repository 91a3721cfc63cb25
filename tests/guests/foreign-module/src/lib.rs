//! A connector whose module imports a function that belongs to no interface.

wit_bindgen::generate!({ path: "../../../wit", world: "connector" });

use exports::muster::connector::lifecycle::{Context, Event, Exchange, Guest, Refusal, Step};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn open_socket(port: u32) -> u32;
}

struct Foreign;

impl Guest for Foreign {
    fn describe() -> String {
        open_socket(22).to_string()
    }

    fn decide(_: Context, _: Event, _: Vec<Exchange>) -> Result<Step, Refusal> {
        Err(Refusal::RetryLater(None))
    }
}

export!(Foreign);
