//! Reads the statements of the PostgreSQL adapter out of its sources: the constants, with their macros expanded.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// A piece of Rust, as far as statements need it.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Mark(char),
}

/// A macro that makes a text: the names of its arguments, and its body.
struct TextMacro {
    arguments: Vec<String>,
    body: Vec<Token>,
}

/// The folders of the adapter's statements.
const FOLDERS: [&str; 2] = ["src/store/postgres", "src/store/queries"];
/// The words with which a statement begins.
const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// Returns all statements by their names: the file's, a dot, the constant's.
pub(crate) fn statements() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("_tests") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((name, tokens(text.split("#[cfg(test)]").next().unwrap())));
            }
        }
    }
    let macros: HashMap<String, TextMacro> = files.iter().flat_map(|(_, tokens)| text_macros(tokens)).collect();
    let found = files.iter().flat_map(|(file, tokens)| {
        let found = [constants(tokens, &macros), fields(tokens, &macros), arrays_of_rows(tokens)].concat();
        found.into_iter().map(move |(name, sql)| (format!("{file}.{name}"), sql))
    });
    found.filter(|(_, sql)| VERBS.iter().any(|verb| sql.starts_with(verb))).collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), text.chars().peekable());
    while let Some(first) = rest.next() {
        match first {
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|c| *c != '\n').is_some() {},
            '"' => tokens.push(Token::Text(literal(&mut rest))),
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                word.extend(std::iter::from_fn(|| rest.next_if(|c| c.is_alphanumeric() || *c == '_')));
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Mark(c)),
        }
    }
    tokens
}

/// Reads a string behind its opening quote.
fn literal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    loop {
        match rest.next().expect("a string ends") {
            '"' => return text,
            '\\' => match rest.next().expect("an escape has a second character") {
                '\n' => while rest.next_if(|c| c.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

fn is_mark(token: Option<&Token>, mark: char) -> bool {
    token == Some(&Token::Mark(mark))
}

fn word(token: Option<&Token>) -> Option<&str> {
    match token {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

/// Returns the length of the group that begins with a bracket, its brackets included.
fn group(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(' | '{' | '[') => depth += 1,
            Token::Mark(')' | '}' | ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    panic!("a group without an end");
}

fn text_macros(tokens: &[Token]) -> Vec<(String, TextMacro)> {
    let starts = (0..tokens.len()).filter(|index| word(tokens.get(*index)) == Some("macro_rules"));
    let found = starts.map(|index| {
        let name = word(tokens.get(index + 2)).unwrap().to_owned();
        let rules = &tokens[index + 4..];
        let arguments = &rules[..group(rules)];
        let named = arguments.windows(2).filter(|pair| pair[0] == Token::Mark('$'));
        let arguments_of_it: Vec<String> = named.filter_map(|pair| word(Some(&pair[1])).map(str::to_owned)).collect();
        let body = &rules[arguments.len() + 2..];
        let body = body[1..group(body) - 1].to_vec();
        (name, TextMacro { arguments: arguments_of_it, body })
    });
    found.collect()
}

/// Returns the length of the path before the name of a macro, as in `$crate::store::queries::messages::message_columns!()`.
fn path(tokens: &[Token]) -> usize {
    let mut length = 0;
    if is_mark(tokens.first(), '$') && word(tokens.get(1)) == Some("crate") {
        length = 4;
    }
    while word(tokens.get(length)).is_some()
        && is_mark(tokens.get(length + 1), ':')
        && is_mark(tokens.get(length + 2), ':')
    {
        length += 3;
    }
    length
}

/// Evaluates the text at the beginning of `tokens`. Returns `None` if there is no text, and otherwise the text and its length.
fn text(
    tokens: &[Token],
    macros: &HashMap<String, TextMacro>,
    bound: &HashMap<String, String>,
) -> Option<(String, usize)> {
    let path = path(tokens);
    if path > 0 {
        return text(&tokens[path..], macros, bound).map(|(value, length)| (value, path + length));
    }
    match tokens.first()? {
        Token::Text(text) => Some((text.clone(), 1)),
        Token::Mark('$') => {
            if let Token::Word(name) = tokens.get(1)? {
                return Some((bound.get(name)?.clone(), 2));
            }
            // All arguments, one after another.
            let name = word(tokens.get(3))?;
            Some((bound.get(name)?.clone(), 1 + group(&tokens[1..]) + 1))
        }
        Token::Word(name) if is_mark(tokens.get(1), '!') => {
            let length = group(&tokens[2..]);
            let mut inside = &tokens[3..2 + length - 1];
            let mut arguments = Vec::new();
            while !inside.is_empty() {
                let (argument, length) = text(inside, macros, bound)?;
                arguments.push(argument);
                inside = &inside[length..];
                if is_mark(inside.first(), ',') {
                    inside = &inside[1..];
                }
            }
            let value = if name == "concat" {
                arguments.concat()
            } else {
                let called = macros.get(name)?;
                let mut bound: HashMap<String, String> =
                    called.arguments.iter().cloned().zip(arguments.iter().cloned()).collect();
                if let [only] = &called.arguments[..] {
                    bound.insert(only.clone(), arguments.concat());
                }
                text(&called.body, macros, &bound)?.0
            };
            Some((value, 2 + length))
        }
        _ => None,
    }
}

/// `const NAME: &str = …;`
fn constants(tokens: &[Token], macros: &HashMap<String, TextMacro>) -> Vec<(String, String)> {
    let starts = (0..tokens.len()).filter(|index| word(tokens.get(*index)) == Some("const"));
    let found = starts.filter_map(|index| {
        let name = word(tokens.get(index + 1))?;
        let value = index + tokens[index..].iter().position(|token| *token == Token::Mark('='))? + 1;
        let (sql, _) = text(&tokens[value..], macros, &HashMap::new())?;
        Some((name.to_owned(), sql))
    });
    found.collect()
}

/// `static NAME: Statements = Statements { field: …, }`
fn fields(tokens: &[Token], macros: &HashMap<String, TextMacro>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for index in 0..tokens.len() {
        let is_start = word(tokens.get(index)) == Some("static") && word(tokens.get(index + 3)) == Some("Statements");
        if !is_start {
            continue;
        }
        let name = word(tokens.get(index + 1)).unwrap();
        let rows = &tokens[index + 6..];
        let rows = &rows[..group(rows)];
        for at in 0..rows.len() {
            if is_mark(rows.get(at + 1), ':')
                && let Some(field) = word(rows.get(at))
                && let Some((sql, _)) = text(&rows[at + 2..], macros, &HashMap::new())
            {
                found.push((format!("{name}.{field}"), sql));
            }
        }
    }
    found
}

/// `statements! { name { columns } "…" of "…"; }`, each in both forms.
fn arrays_of_rows(tokens: &[Token]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let start = (0..tokens.len()).find(|index| {
        word(tokens.get(*index)) == Some("statements")
            && is_mark(tokens.get(index + 1), '!')
            && is_mark(tokens.get(index + 2), '{')
    });
    let Some(start) = start else { return found };
    let mut rest = &tokens[start + 3..];
    while let Some(name) = word(rest.first()) {
        let columns = group(&rest[1..]);
        let [Token::Text(sql), more @ ..] = &rest[1 + columns..] else { panic!("{name} has a statement") };
        let (of_one, length) = match more {
            [Token::Word(form), Token::Text(table), ..] if form == "of" => {
                (format!("{sql} AND {table}.conversation_id = ($1::uuid[])[1]"), 2)
            }
            [Token::Word(form), Token::Text(other), ..] if form == "or" => (other.clone(), 2),
            // A constant, which is found where it is.
            [Token::Word(form), Token::Word(_), ..] if form == "or" => (String::new(), 2),
            _ => (sql.clone(), 0),
        };
        found.push((format!("OF_MANY.{name}"), sql.clone()));
        found.push((format!("OF_ONE.{name}"), of_one));
        rest = &rest[1 + columns + 1 + length + 1..];
    }
    found
}
