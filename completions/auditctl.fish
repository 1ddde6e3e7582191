# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion of auditctl(1). Verbs, options and columns are the program's own: it is asked.

function __auditctl_ask
    set -l words (commandline -opc)
    command $words[1] $argv 2>/dev/null </dev/null
end

# The verb that was typed, and how many words stand behind it.
function __auditctl_state
    set -l words (commandline -opc)
    set -l skip 0
    set -l verb
    set -l rest 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word --rules --root --runtime-dir -o --output -S --since -U --until
            set skip 1
        else if string match -q -- '-*' $word
            continue
        else if test -z "$verb"
            set verb $word
        else
            set rest (math $rest + 1)
        end
    end
    echo $verb
    echo $rest
end

function __auditctl_no_verb
    set -l state (__auditctl_state)
    test -z "$state[1]"; or test "$state[1]" = help
end

function __auditctl_verbs
    __auditctl_ask help |
        string replace -rf '^  ([a-z]{2,})  +(.*)$' '$1\t$2'
end

function __auditctl_options
    set -l state (__auditctl_state)
    test -n "$state[1]"; or set state[1] status
    __auditctl_ask $state[1] --help |
        string replace -rf '^ {2,6}(?:-[a-zA-Z], )?(--[a-z-]+)[A-Z ,…]* {2,}(.*)$' '$1\t$2'
end

function __auditctl_columns
    set -l state (__auditctl_state)
    test -n "$state[1]"; or set state[1] list
    set -l list (string match -r '.*,' -- (commandline -ct))
    __auditctl_ask $state[1] --help | sed -n '/^Columns/,$p' |
        string replace -rf '^  ([a-z]+)  +(?:\* )?(.*)$' "$list"'$1\t$2'
end

function __auditctl_listeners
    __auditctl_ask list --all --no-legend -o $argv[1] --no-pager |
        string split -n ' ' | sort -u
end

function __auditctl_arguments
    set -l state (__auditctl_state)
    set -l words (commandline -opc)
    switch "$state[1]"
        case show allow snooze explain
            if test $state[2] = 0
                __auditctl_listeners port,id
                test $state[1] = explain; and printf '%s\n' tcp udp mptcp sctp udplite
                return
            end
            switch $state[1]
                case allow
                    printf '%s\n' until note
                    return
                case snooze
                    printf '%s\n' 30min 1h 2h 1d
                    return
                case show
                    return
            end
        case check
            __fish_complete_path (commandline -ct)
            return
        case list scan watch history
        case '*'
            return
    end
    switch $words[-1]
        case port
            __auditctl_listeners port
            echo any
        case bind
            printf '%s\n' 0.0.0.0 ::
            __auditctl_listeners address
        case scope
            printf '%s\n' unreachable loopback link-local private virtual vpn public multicast wildcard
        case interface
            command ls /sys/class/net 2>/dev/null
        case user
            __fish_complete_users
        case group
            __fish_complete_groups
        case exe
            __fish_complete_path (commandline -ct)
        case unit
            systemctl list-units --plain --no-legend --type=service,socket 2>/dev/null | string replace -r ' .*' ''
        case user-unit
            systemctl --user list-units --plain --no-legend --type=service,socket 2>/dev/null | string replace -r ' .*' ''
        case container
            printf '%s\n' none any docker podman
        case netns
            printf '%s\n' host other
        case origin
            printf '%s\n' socket forward
        case target
            printf '%s\n' 10.0.0.5:80
        case tool
            printf '%s\n' Redis Vite
        case age
            printf '%s\n' 30s 5m 2h
        case ephemeral
            printf '%s\n' yes no
        case '*'
            printf '%s\n' tcp udp mptcp sctp udplite port bind scope interface user group exe unit user-unit \
                container netns origin target age ephemeral tool not
    end
end

for program in auditctl sockauditctl
    complete -c $program -f
    complete -c $program -n __auditctl_no_verb -a '(__auditctl_verbs)'
    complete -c $program -n 'not __auditctl_no_verb' -a '(__auditctl_arguments)'
    complete -c $program -n 'string match -q -- "-*" (commandline -ct)' -a '(__auditctl_options)'
    complete -c $program -s o -l output -x -a '(__auditctl_columns)'
    complete -c $program -l rules -r -F
    complete -c $program -l root -l runtime-dir -x -a '(__fish_complete_directories)'
    complete -c $program -s S -l since -s U -l until -x -a 'now today yesterday -1h -1d'
end
