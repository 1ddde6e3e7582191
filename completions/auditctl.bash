# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of auditctl(1). Verbs, options and columns are the program's own: it is asked.

# The program's answer, with nothing of the user's environment in its way.
_auditctl_ask() { NO_COLOR=1 "$1" "${@:2}" --no-pager 2>/dev/null </dev/null; }

_auditctl_verbs() { "$1" help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\)  .*/\1/p'; }

_auditctl_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^ \{2,6\}\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p'
}

_auditctl_columns() {
    "$1" "$2" --help 2>/dev/null | sed -n '/^Columns/,$s/^  \([a-z]*\)  .*/\1/p'
}

# What listens now: ports, or ids, too.
_auditctl_listeners() { _auditctl_ask "$1" list --all --no-legend -o "$2" | tr -s ' ' '\n' | sort -u; }

_auditctl_values() {
    case $2 in
        port) _auditctl_listeners "$1" port; echo any ;;
        bind) echo 0.0.0.0 ::; _auditctl_listeners "$1" address ;;
        scope) echo unreachable loopback link-local private virtual vpn public multicast wildcard ;;
        interface | device) command ls /sys/class/net 2>/dev/null ;;
        user) compgen -u ;;
        group) compgen -g ;;
        unit) systemctl list-units --plain --no-legend --type=service,socket 2>/dev/null | cut -d' ' -f1 ;;
        user-unit)
            systemctl --user list-units --plain --no-legend --type=service,socket 2>/dev/null | cut -d' ' -f1 ;;
        container) echo none any docker podman ;;
        netns) echo host other ;;
        origin) echo socket forward ;;
        target) echo 10.0.0.5:80 ;;
        tool) echo Redis Vite ;;
        age) echo 30s 5m 2h ;;
        ephemeral) echo yes no ;;
    esac
}

_auditctl_keys="port bind scope interface user group exe unit user-unit container netns origin target age ephemeral tool"
_auditctl_protocols="tcp udp mptcp sctp udplite"

_auditctl() {
    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local verb= words= i list= behind=0
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --rules | --root | --runtime-dir | -o | --output | -S | --since | -U | --until) ((++i)) ;;
            -*) ;;
            *) if [ -z "$verb" ]; then verb=${COMP_WORDS[i]}; else ((++behind)); fi ;;
        esac
    done

    case $previous in
        --rules) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        --root | --runtime-dir) compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return ;;
        -o | --output)
            [[ $current == *,* ]] && list=${current%,*},
            compopt -o nospace
            COMPREPLY=($(compgen -P "$list" -W "$(_auditctl_columns "$program" "${verb:-list}")" -- "${current##*,}"))
            return ;;
        -S | --since | -U | --until)
            COMPREPLY=($(compgen -W "now today yesterday -1h -1d" -- "$current")); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(_auditctl_options "$program" "${verb:-status}")" -- "$current"))
        return
    fi
    if [ -z "$verb" ]; then
        COMPREPLY=($(compgen -W "$(_auditctl_verbs "$program")" -- "$current"))
        return
    fi

    case $verb in
        help) words=$(_auditctl_verbs "$program") ;;
        check) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        show | allow | snooze | explain)
            if ((behind == 0)); then
                words=$(_auditctl_listeners "$program" port,id)
                [ "$verb" != explain ] || words+=" $_auditctl_protocols"
            elif [ "$verb" = allow ]; then
                words="until note"
            elif [ "$verb" = snooze ]; then
                words="30min 1h 2h 1d"
            else
                words=$(_auditctl_values "$program" "$previous")
                : "${words:=user group exe unit user-unit container netns origin target age scope interface tool}"
            fi ;;
        list | scan | watch | history)
            if [ "$previous" = exe ]; then
                compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return
            fi
            words=$(_auditctl_values "$program" "$previous")
            : "${words:=$_auditctl_protocols $_auditctl_keys not}" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    # "user@1000.service" and "::" hold characters at which bash splits words.
    if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$current"; fi
}

complete -F _auditctl auditctl sockauditctl
