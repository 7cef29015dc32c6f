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

/// Returns the statements of the script that change keys of tables, drop foreign keys, and create tables.
pub(crate) fn tables() -> String {
    let script = distribution_script();
    let changes = script
        .lines()
        .filter(|line| ["DO $key$", "ALTER TABLE ", "CREATE TABLE "].iter().any(|start| line.starts_with(start)));
    changes.flat_map(|line| [line, "\n"]).collect()
}

/// Returns the last statement of the script, which marks the distribution as complete.
pub(crate) fn mark() -> String {
    distribution_script().lines().last().expect("the script has statements").to_owned()
}

/// Returns the statements of the script that fill the tables by user from the others.
pub(crate) fn fill() -> String {
    let script = distribution_script();
    let starts = ["BEGIN; TRUNCATE user_conversations", "INSERT INTO user_states "];
    let filling = script.lines().filter(|line| starts.iter().any(|start| line.starts_with(start)));
    let filling: Vec<&str> = filling.collect();
    assert_eq!(filling.len(), starts.len(), "the script has them");
    filling.join("\n")
}

/// Makes a database whose schema is there count as distributed. A store that is opened on it afterwards uses the forms of its statements for that.
pub(crate) async fn count_as_distributed(url: &str) {
    connect(url).await.batch_execute(&(tables() + &functions() + &mark())).await.unwrap();
}
