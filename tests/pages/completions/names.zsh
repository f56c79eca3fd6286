(( $+functions[_stopctl_names] )) ||
_stopctl_names() {
    # The runs of the user that is typed, if one is.
    local expl names user; user=${opt_args[--user]:+--user ${(q)opt_args[--user]}}
    names=(${(f)"$(_call_program runs stopctl list --names $user 2>/dev/null)"})
    _wanted runs expl 'run' compadd -a names
}

