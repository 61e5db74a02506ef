//! What the operands of drive and stick have in common: `FILE[,option=value…]`.

/// Why the words of an operand make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields' names say it
pub enum GrammarError {
    /// The operand names no file.
    #[error("emulated: names no file; write emulated:FILE, or emulated:demo for a disc to practise on")]
    NoFile,
    /// An option that does not exist, or `damaged` where the disc is not the demo.
    #[error("emulated: there is no option {option:?}{}; docs/formats.md lists the options", but_for_demo(option))]
    UnknownOption { option: String },
    /// An option without `=value`.
    #[error("emulated: {option} needs a value: {option}={expected}")]
    NoValue { option: String, expected: &'static str },
    /// A value for an option that has none.
    #[error("emulated: {option} takes no value; write {option} alone")]
    NeedlessValue { option: String },
    /// An option that is there twice.
    #[error("emulated: {option} is given twice; leave one out")]
    Twice { option: String },
    /// A value that the option can't have.
    #[error("emulated: {option}={value} makes no sense; write {option}={expected}")]
    BadValue { option: String, value: String, expected: &'static str },
}

/// An operand taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Never empty.
    pub(super) file: String,
    pub(super) options: Vec<Word>,
}

/// An option as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) option: String,
    value: Option<String>,
}

impl Words {
    /// Takes apart all that follows `emulated:`. Only the options in `repeatable` may be there more than once.
    pub(super) fn parse(text: &str, repeatable: &[&str]) -> Result<Self, GrammarError> {
        let mut parts = split(text).into_iter();
        let file = parts.next().filter(|file| !file.is_empty()).ok_or(GrammarError::NoFile)?;
        let mut options: Vec<Word> = Vec::new();
        for part in parts {
            let word = Word::parse(&part);
            if !repeatable.contains(&word.option.as_str()) && options.iter().any(|before| before.option == word.option) {
                return Err(GrammarError::Twice { option: word.option });
            }
            options.push(word);
        }
        Ok(Self { file, options })
    }
}

impl Word {
    /// `option`, or `option=value`.
    pub(super) fn parse(part: &str) -> Self {
        let (option, value) = part.split_once('=').map_or((part, None), |(option, value)| (option, Some(value)));
        Self { option: option.into(), value: value.map(str::to_owned) }
    }

    /// True for this option without a value.
    pub(super) fn is_flag(&self, option: &str) -> bool {
        self.option == option && self.value.is_none()
    }

    /// The value, which must be there.
    pub(super) fn value(&self, expected: &'static str) -> Result<&str, GrammarError> {
        self.value.as_deref().ok_or_else(|| GrammarError::NoValue { option: self.option.clone(), expected })
    }

    /// Refuses a value.
    pub(super) fn alone(&self) -> Result<(), GrammarError> {
        match self.value {
            Some(_) => Err(GrammarError::NeedlessValue { option: self.option.clone() }),
            None => Ok(()),
        }
    }

    /// What was made of the value, or the complaint that nothing could be made of it.
    pub(super) fn understood<T>(&self, expected: &'static str, meaning: Option<T>) -> Result<T, GrammarError> {
        meaning.ok_or_else(|| GrammarError::BadValue {
            option: self.option.clone(),
            value: self.value.clone().unwrap_or_default(),
            expected,
        })
    }

    /// The complaint that there is no such option.
    pub(super) fn unknown(&self) -> GrammarError {
        GrammarError::UnknownOption { option: self.option.clone() }
    }
}

/// Splits at commas. `\,` is a comma and `\\` a backslash; before anything else a backslash is itself.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let literal = match letter {
            ',' => {
                parts.push(String::new());
                continue;
            }
            '\\' => letters.next_if(|next| matches!(next, ',' | '\\')).unwrap_or('\\'),
            _ => letter,
        };
        if let Some(part) = parts.last_mut() {
            part.push(literal);
        }
    }
    parts
}

fn but_for_demo(option: &str) -> &'static str {
    if option == "damaged" { " but for demo" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_may_be_repeated_is_repeated() {
        let options = |text: &str| Words::parse(text, &["flip"]).map(|words| words.options.len());
        assert_eq!(options("a,flip=1,seed=2,flip=1"), Ok(3));
        assert_eq!(options("a,seed=1,flip=1,seed"), Err(GrammarError::Twice { option: "seed".into() }));
        assert_eq!(options(",flip=1"), Err(GrammarError::NoFile));
    }

    #[test]
    fn an_option_has_a_value_or_none() {
        let words = Words::parse("a,b=c=d,e,f=", &[]).unwrap();
        let [b, e, f] = words.options.as_slice() else { panic!("{words:?}") };
        assert_eq!((b.value("x"), f.value("x")), (Ok("c=d"), Ok("")));
        assert_eq!(e.value("x").unwrap_err().to_string(), "emulated: e needs a value: e=x");
        assert_eq!((e.alone(), f.alone()), (Ok(()), Err(GrammarError::NeedlessValue { option: "f".into() })));
        assert!(e.is_flag("e") && !f.is_flag("f") && !e.is_flag("f"));
    }

    proptest! {
        #[test]
        fn an_escaped_name_comes_back(name in "[a-z,\\\\ =]{1,12}") {
            let escaped = name.replace('\\', "\\\\").replace(',', "\\,");
            prop_assert_eq!(split(&format!("{escaped},seed=1")), [name, "seed=1".to_owned()]);
        }
    }
}
