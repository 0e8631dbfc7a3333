//! Errors, by their columns and words.

use crate::Filter;
use crate::filter::field::NAMES;

#[test]
fn errors_name_the_column_and_what_was_expected() {
    const OPERAND: &str = "a field, a string or a number";
    const OPERATOR: &str = "an operator (== != < <= > >= in not in ~)";
    const TEXT: &str = "a string or a field of text";
    const NUMBER: &str = "a number or another field of numbers";
    const DECIMAL: &str = "a decimal number of at most 19 digits";
    const LIST: &str = "a list in parentheses";
    const END: &str = "'and', 'or' or the end";
    const GROUP: &str = "'and', 'or' or ')'";
    const MEMBER: &str = "',' or ')'";
    const WORDS: &str = "== != in or not in";
    const SEVERITY: &str = r#""failure", "warning" or "okay""#;
    const KIND: &str = r#""values" or "notification""#;
    for (expression, column, expected, found) in [
        ("", 1, OPERAND, "the end"),
        ("  ", 3, OPERAND, "the end"),
        ("not", 4, OPERAND, "the end"),
        ("(", 2, OPERAND, "the end"),
        ("()", 2, OPERAND, "')'"),
        (")", 1, OPERAND, "')'"),
        ("and", 1, NAMES, "'and'"),
        ("hots == 'x'", 1, NAMES, "'hots'"),
        ("host == x", 9, NAMES, "'x'"),
        ("item.item.host == 'x'", 1, NAMES, "'item.item.host'"),
        ("Host == 'x'", 1, NAMES, "'Host'"),
        ("host", 5, OPERATOR, "the end"),
        ("host = 'x'", 6, OPERATOR, "'='"),
        ("host 'x'", 6, OPERATOR, "''x''"),
        ("host and plugin == 'x'", 6, OPERATOR, "'and'"),
        ("host ! 'x'", 6, OPERATOR, "'!'"),
        ("'ü' € 'x'", 5, OPERATOR, "'€'"),
        ("host not 'x'", 10, "'in'", "''x''"),
        ("host not", 9, "'in'", "the end"),
        ("host ==", 8, OPERAND, "the end"),
        ("host == and", 9, NAMES, "'and'"),
        ("host == ('x')", 9, OPERAND, "'('"),
        ("host == 'x", 11, "a closing quote", "the end"),
        ("host == \"ü'", 12, "a closing quote", "the end"),
        (r"host == 'x\'", 13, "a closing quote", "the end"),
        (r"host == 'ü\z'", 11, r#"one of the escapes \\ \" \' \n \t \xNN"#, r"'\z'"),
        ("host > 3", 8, TEXT, "'3'"),
        ("host == value", 9, TEXT, "'value'"),
        ("'x' == time", 8, TEXT, "'time'"),
        ("host == kind", 9, TEXT, "'kind'"),
        ("'okay' < severity", 10, TEXT, "'severity'"),
        ("'okay' in severity", 11, TEXT, "'severity'"),
        ("host in (3)", 10, TEXT, "'3'"),
        ("host in value", 9, TEXT, "'value'"),
        ("host in ()", 10, OPERAND, "')'"),
        ("host in ('a' 'b')", 14, MEMBER, "''b''"),
        ("host in ('a', 'b'", 18, MEMBER, "the end"),
        ("host in ('a',, 'b')", 14, OPERAND, "','"),
        ("host ~ plugin", 8, "a pattern", "'plugin'"),
        ("host ~ 3", 8, TEXT, "'3'"),
        ("host ~ 'a[b'", 8, r"a pattern with every [ closed and nothing missing behind \", "''a[b''"),
        ("value == \"x\"", 10, NUMBER, "'\"x\"'"),
        ("value == host", 10, NUMBER, "'host'"),
        ("value > value", 9, NUMBER, "'value'"),
        ("value == severity", 10, NUMBER, "'severity'"),
        ("value in (1, 'x')", 14, NUMBER, "''x''"),
        ("value in 3", 10, LIST, "'3'"),
        ("value ~ '3'", 7, "== != < <= > >= in or not in", "'~'"),
        ("value == 1x", 10, DECIMAL, "'1x'"),
        ("value == --1", 10, DECIMAL, "'-'"),
        ("value == 1.", 10, DECIMAL, "'1.'"),
        ("value == .5", 10, OPERAND, "'.'"),
        ("value == 123456789012345678901", 10, DECIMAL, "'123456789012345678901'"),
        ("value == 1e381", 10, DECIMAL, "'1e381'"),
        ("time == 'now'", 9, NUMBER, "''now''"),
        ("3 == 'x'", 6, "value, time or interval", "''x''"),
        ("3 == 3", 6, "value, time or interval", "'3'"),
        ("3 in (1, 2)", 3, "== != < <= > or >=", "'in'"),
        ("3 not in host", 3, "== != < <= > or >=", "'not'"),
        ("3 ~ host", 3, "== != < <= > or >=", "'~'"),
        ("severity < 'okay'", 10, WORDS, "'<'"),
        ("severity ~ 'o*'", 10, WORDS, "'~'"),
        ("kind >= 'values'", 6, WORDS, "'>='"),
        ("severity == 'ok'", 13, SEVERITY, "''ok''"),
        ("severity == 4", 13, SEVERITY, "'4'"),
        ("severity == message", 13, SEVERITY, "'message'"),
        ("severity in ('okay', 'bad')", 22, SEVERITY, "''bad''"),
        ("severity in 'okay'", 13, LIST, "''okay''"),
        ("'bad' == severity", 1, SEVERITY, "''bad''"),
        ("kind == 'value'", 9, KIND, "''value''"),
        ("kind == 'Values'", 9, KIND, "''Values''"),
        ("'x' != kind", 1, KIND, "''x''"),
        ("host == 'x' plugin", 13, END, "'plugin'"),
        ("host == 'x')", 12, END, "')'"),
        ("1 < value < 5", 11, END, "'<'"),
        ("(host == 'x'", 13, GROUP, "the end"),
        ("((host == 'x') or", 18, OPERAND, "the end"),
        ("(host == 'x' ,", 14, GROUP, "','"),
        ("host == 'x' and", 16, OPERAND, "the end"),
        ("host == 'x' && type == 'y'", 13, END, "'&'"),
        ("host == 'x' \u{1b}", 13, END, r"'\x1b'"),
    ] {
        assert_eq!(
            Filter::<32, 256>::new(expression).unwrap_err().to_string(),
            format!("column {column}: expected {expected}, found {found}"),
            "{expression}"
        );
    }
}
