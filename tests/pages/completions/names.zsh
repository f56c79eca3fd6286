(( $+functions[_stopctl_names] )) ||
_stopctl_names() {
    local expl names; names=(${(f)"$(_call_program runs stopctl list --names 2>/dev/null)"})
    _wanted runs expl 'run' compadd -a names
}

