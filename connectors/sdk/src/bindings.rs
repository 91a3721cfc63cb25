//! What wit-bindgen makes of `wit/`; only the SDK and its macro name it.

wit_bindgen::generate!({
    path: "../../wit",
    world: "connector",
    pub_export_macro: true,
    default_bindings_module: "muster_connector::bindings",
    additional_derives: [PartialEq, Eq],
});
