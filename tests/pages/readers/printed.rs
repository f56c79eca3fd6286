//! What is printed, cut out of its page, and the few lines that make a program of it.

use crate::committed;

const PAGE: &str = "man/stopctl-flag.7";
const README: &str = "README.md";

const SH: &str = "
look() { if keep_going; then echo go; else echo stop; fi; }
look; while read -r again; do look; done
";
const PYTHON_README: &str = "
flag = open_flag()
def look(): print('go' if flag[0] == ord('0') else 'stop', flush=True)
look()
for again in sys.stdin: look()
";
const PYTHON_PAGE: &str = "
flag = Flag()
def look(): print('stop' if flag.is_set() else 'go', flush=True)
look()
for again in sys.stdin: look()
";
const C_README: &str = r#"
int main(void)
{
    open_flag();
    do { puts(keep_going() ? "go" : "stop"); fflush(stdout); } while (getchar() == 'l' && scanf("ook%*c") == 0);
}
"#;
const C_PAGE: &str = r#"
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

/// Where a reader is printed, its language or the shell that reads it, and what is appended to it.
pub(crate) const LOOKS: [(&str, &str, &str); 11] = [
    (README, "sh", SH),
    (README, "bash", SH),
    (README, "busybox", SH),
    (README, "python", PYTHON_README),
    (README, "c", C_README),
    (PAGE, "sh", SH),
    (PAGE, "bash", SH),
    (PAGE, "busybox", SH),
    (PAGE, "python", PYTHON_PAGE),
    (PAGE, "c", C_PAGE),
    (PAGE, "rust", RUST),
];

pub(crate) const WAITS: [(&str, &str, &str); 2] =
    [(PAGE, "python", PYTHON_WAITS), (PAGE, "c", C_WAITS)];

/// The reader in `language` as it is printed in `source`.
pub(crate) fn reader(source: &str, language: &str) -> String {
    let text = committed::read(source);
    let language = if is_shell(language) { "sh" } else { language };
    let (begin, end) = if source == README {
        (
            format!("<!-- reader: {language} -->\n```{language}\n"),
            "```\n",
        )
    } else {
        (
            format!(".\\\" example: {language}\n"),
            ".\\\" example: end\n",
        )
    };
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{source}: no {language}"));
    let (code, _) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("{source}: no end of {language}"));
    if source == README {
        code.to_owned()
    } else {
        as_typed(code)
    }
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
