//! The .deb on a copy of a machine: installed, used, removed.

use crate::beside::{Engine, LOOKS};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, not_run};

#[test]
fn lintian_finds_no_error_in_the_package() {
    let Some(package) = std::env::var_os("STOPCTL_TEST_DEB") else {
        return not_run("this needs STOPCTL_TEST_DEB, a package made by cargo deb");
    };
    if lacks(Need::Program("lintian")) {
        return;
    }
    let package = std::fs::canonicalize(package).expect("STOPCTL_TEST_DEB");
    let base = Base::new();
    let mut lintian = base.command("lintian");
    lintian
        .args(["--allow-root", "--fail-on", "error"])
        .arg(package);
    base.answer(lintian).expect(0);
}

#[test]
fn the_package_is_installed_used_and_removed_with_nothing_left() {
    if std::env::var_os("STOPCTL_TEST_DEB").is_none() {
        return not_run("this needs STOPCTL_TEST_DEB, a package made by cargo deb");
    }
    let script = r#"dpkg --force-unsafe-io -i "$STOPCTL_DEB" >/dev/null || exit
    dpkg -L stopctl | tee /run/files
    stopctl --version
    ldd /usr/bin/stopctl 2>&1
    for page in stopctl stopctl-run stopctl-engines stopctl-flag; do man -w "$page" || exit; done
    bash -c '. /usr/share/bash-completion/completions/stopctl && complete -p stopctl' || exit
    printf '#include <stopctl.h>\nint main(void) { return 0; }\n' >/run/include.c
    ! command -v gcc >/dev/null || gcc -c -o /run/include.o /run/include.c || exit

    # The unit of the package, as it is.
    examples=/usr/share/doc/stopctl/examples
    printf '#!/bin/sh\n%s\n' "$1" >/run/work
    install -m 755 /run/work /usr/bin/work
    echo "complaints=$(systemd-analyze verify "$examples/stopctl.service" 2>&1)"
    cp "$examples/stopctl.service" /run/systemd/system/work.service
    systemctl daemon-reload
    systemctl start work
    ready() { [ "$(journalctl --no-pager -o cat -u work | grep -c '^ready')" = 4 ]; }
    until_true ready
    stopctl status work
    timed stop systemctl stop work
    rm /usr/bin/work

    dpkg --force-unsafe-io --purge stopctl >/dev/null || exit
    left() { while read -r file; do [ -d "$file" ] || [ ! -e "$file" ] || echo "$file"; done; }
    echo "left=$(left </run/files)$(find /usr /etc /var/lib -xdev -name '*stopctl*')$(ls -A /dev/shm)""#;
    let Some(seen) = Engine::Systemd.run(script, &[LOOKS]) else {
        return;
    };
    seen.is("complaints", "")
        .is("stop.status", "0")
        .is("left", "");
    seen.says("statically linked", 1).each(
        &[
            "/usr/include/stopctl.hpp",
            "/usr/share/zsh/vendor-completions/_stopctl",
            "/usr/share/fish/vendor_completions.d/stopctl.fish",
            "/usr/share/doc/stopctl/examples/two-nodes.sbatch",
        ],
        1,
    );
}
