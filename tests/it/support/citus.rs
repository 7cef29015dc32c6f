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

/// Creates the functions in a database whose schema is there. A store that is opened on it afterwards uses them.
pub(crate) async fn create_functions(url: &str) {
    connect(url).await.batch_execute(&functions()).await.unwrap();
}
