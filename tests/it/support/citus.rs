//! Databases that count as distributed.

use chinwag::store::distribution_script;

use super::postgres::connect;

/// Returns the part of the script that creates the functions.
pub(crate) fn functions() -> String {
    let script = distribution_script();
    let start = script.find("CREATE OR REPLACE FUNCTION").expect("the script creates functions");
    let end = script.rfind("$function$;").expect("the end of the last function") + "$function$;".len();
    script[start..end].to_owned()
}

/// Returns the statements of the script that change keys of tables, and drop foreign keys.
pub(crate) fn keys() -> String {
    let script = distribution_script();
    let changes = script.lines().filter(|line| line.starts_with("DO $key$") || line.starts_with("ALTER TABLE "));
    changes.map(|line| format!("{line}\n")).collect()
}

/// Makes a database whose schema is there count as distributed. A store that is opened on it afterwards uses the forms of its statements for that.
pub(crate) async fn count_as_distributed(url: &str) {
    connect(url).await.batch_execute(&(keys() + &functions())).await.unwrap();
}
