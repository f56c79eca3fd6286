complete -c stopctl -n "__fish_stopctl_using_subcommand stop signal status wait" -f -a "(stopctl list --names 2>/dev/null)" -d 'Run'
complete -c stopctl -n "__fish_stopctl_using_subcommand notify" -l run -x -a "(stopctl list --names 2>/dev/null)"
complete -c stopctl -n "__fish_stopctl_using_subcommand run" -x -a "(__fish_complete_subcommand --fcs-skip=2 @VALUE_OPTIONS@)"
