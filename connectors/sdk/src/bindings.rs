//! wit-bindgen's bindings of `wit/`, for the SDK and its macro only.

wit_bindgen::generate!({
    path: "../../wit",
    world: "connector",
    pub_export_macro: true,
    default_bindings_module: "muster_connector::bindings",
    additional_derives: [PartialEq, Eq],
});
