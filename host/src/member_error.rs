//! The reason why a JSON document cannot be read, with the member that it is about. serde names the
//! member only if it is unknown or missing.

/// The reason, after the path of the member.
pub(crate) fn with_member(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (path, why) = (error.path().to_string(), error.inner().to_string());
    // This reason names the member itself.
    let unknown = why.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let path = path.strip_suffix(unknown.unwrap_or_default()).unwrap_or(&path);
    match path.trim_end_matches('.') {
        "" => why,
        path => format!("{path}: {why}"),
    }
}
