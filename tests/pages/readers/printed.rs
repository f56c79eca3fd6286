//! What is printed, cut out of its page, and the few lines that make a program of it.

use crate::committed;

const PAGE: &str = "man/stopctl-flag.7";

const SH: &str = "
look() { if keep_going; then echo go; else echo stop; fi; }
look; while read -r again; do look; done
";
const PYTHON: &str = "
flag = Flag()
def look(): print('stop' if flag.is_set() else 'go', flush=True)
look()
for again in sys.stdin: look()
";
const C: &str = r#"
int main(void)
{
    flag_open();
    do { puts(keep_going() ? "go" : "stop"); fflush(stdout); } while (getchar() == 'l' && scanf("ook%*c") == 0);
}
"#;
const RUST: &str = r#"
fn main() {
    let flag = Flag::from_env();
    let look = || println!("{}", if flag.is_set() { "stop" } else { "go" });
    look();
    std::io::stdin().lines().for_each(|_| look());
}
"#;
const PYTHON_WAITS: &str = "
flag = Flag()
print('waiting', flush=True)
print('stop' if flag.wait(60) else 'go', flush=True)
";
const C_WAITS: &str = r#"
int main(void)
{
    flag_open();
    if (!keep_going())
        return 1;
    puts("waiting"); fflush(stdout);
    puts(flag_sleep(60000) ? "go" : "stop"); fflush(stdout);
}
"#;

/// The language of a reader or the shell that reads it, and what is appended to it.
pub(crate) const LOOKS: [(&str, &str); 6] = [
    ("sh", SH),
    ("bash", SH),
    ("busybox", SH),
    ("python", PYTHON),
    ("c", C),
    ("rust", RUST),
];

pub(crate) const WAITS: [(&str, &str); 2] = [("python", PYTHON_WAITS), ("c", C_WAITS)];

/// The reader in `language` as man(1) shows it.
pub(crate) fn reader(language: &str) -> String {
    let page = committed::read(PAGE);
    let language = if is_shell(language) { "sh" } else { language };
    let begin = format!(".\\\" example: {language}\n");
    let (_, rest) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{PAGE}: no {language}"));
    let (code, _) = rest
        .split_once(".\\\" example: end\n")
        .unwrap_or_else(|| panic!("{PAGE}: no end of {language}"));
    as_typed(code)
}

/// Whether `language` is a shell: the reader in sh is for all of them.
pub(crate) fn is_shell(language: &str) -> bool {
    matches!(language, "sh" | "bash" | "busybox")
}

/// What man(1) shows for `roff`.
fn as_typed(roff: &str) -> String {
    roff.replace("\\&", "")
        .replace("\\-", "-")
        .replace("\\(aq", "'")
        .replace("\\(ga", "`")
        .replace("\\(ha", "^")
        .replace("\\(ti", "~")
        .replace("\\e", "\\")
}
