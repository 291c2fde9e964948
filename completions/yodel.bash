# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Completion of yodel for bash, with the package bash-completion or without.

# Offer those of the words in $1 that begin with $cur.
_yodel_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_yodel_hosts() {
    if declare -F _known_hosts_real >/dev/null; then
        _known_hosts_real -- "$cur"
    else
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
    fi
}

# Names of contacts. What a contact is called is data: nothing of it is expanded, here or by who presses Enter.
_yodel_contacts() {
    local name

    while read -r name _; do
        [[ $name != "$cur"* ]] || COMPREPLY+=("$(printf %q "$name")")
    done < <(yodel peers 2>/dev/null | tail -n +2)
}

# The values of an option. Fails if $1 takes none.
_yodel_value() {
    case $1 in
    --engine) _yodel_words 'auto epoll fork' ;;
    --log-format) _yodel_words 'logfmt json' ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
    --workers | --max-conns | --max-conns-per-ip | --idle-timeout | --dead-timeout | --drain) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

_yodel_echo() {
    local given=$1 option

    _yodel_value "$prev" && return
    case $given in
    --print=) _yodel_words 'text hex' && return ;;
    *=) _yodel_value "${given%=}" && return ;;
    esac
    if [[ $cur != -* ]]; then
        _yodel_words 'localhost 127.0.0.1 0.0.0.0'
        return
    fi
    _yodel_words '--engine --workers --max-conns --max-conns-per-ip --idle-timeout --dead-timeout --drain
        --print --print= --log-format --user --help -4 -6 -q -v -h'
    # The value of --print= follows at once.
    for option in "${COMPREPLY[@]}"; do
        [[ $option != *= ]] || [[ ${#COMPREPLY[@]} -gt 1 ]] || compopt -o nospace
    done
}

# The values of options that listen and call have. Fails if $1 takes none.
_yodel_talk_value() {
    case $1 in
    --identity) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    --send-from) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    --only) _yodel_contacts ;;
    --advertise) [[ $cur == : ]] || _yodel_hosts ;;
    --name | --linger | --dead-timeout | --accept-from | --ticket-ttl | --timeout | -p) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

_yodel_listen() {
    _yodel_talk_value "$prev" && return
    [[ -z $1 ]] || { _yodel_talk_value "${1%=}" || :; return; }
    if [[ $cur == -* ]]; then
        _yodel_words '--plain --name --identity --accept-new --send-from --advertise --qr --ticket-ttl --only --keep
            --accept-from --linger --dead-timeout --help -4 -6 -q -h'
    else
        _yodel_words 'localhost 127.0.0.1 0.0.0.0'
    fi
}

_yodel_call() {
    _yodel_talk_value "$prev" && return
    [[ -z $1 ]] || { _yodel_talk_value "${1%=}" || :; return; }
    if [[ $cur == -* ]]; then
        _yodel_words '--plain --name --identity --accept-new --send-from --timeout --retry --linger --dead-timeout
            --help -4 -6 -p -q -h'
    elif [[ $cur != : && $prev != : ]]; then
        _yodel_hosts
        _yodel_contacts
    fi
}

_yodel_peers() {
    if [[ $prev == --identity ]]; then
        compopt -o default
    elif [[ $cur == -* ]]; then
        _yodel_words '--json --identity --help -h'
    elif [[ $prev == peers || $prev == --json ]]; then
        _yodel_words 'show rename verify block unblock forget me'
    elif [[ " show rename verify block unblock forget " == *" $prev "* ]]; then
        _yodel_contacts
    fi
}

_yodel_ping() {
    case $prev in
    -[cisWwp] | -[qv46]*[cisWwp]) return ;;
    esac
    if [[ $cur == -* ]]; then
        _yodel_words '-c -i -s -W -w -p -q -v -4 -6 --json --help -h'
    elif [[ $cur != : && $prev != : ]]; then
        _yodel_hosts
    fi
}

_yodel() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} given=

    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        _yodel_words 'listen call peers echo ping help --help --version -h -V'
        return
    fi
    # "=" is a word of its own here: --engine=fork is three.
    if [[ $cur == = ]]; then
        given=$prev= prev='' cur=''
    elif [[ $prev == = && $COMP_CWORD -gt 2 ]]; then
        given=${COMP_WORDS[COMP_CWORD - 2]}= prev=''
    fi
    case ${COMP_WORDS[1]} in
    listen) _yodel_listen "$given" ;;
    call) _yodel_call "$given" ;;
    peers) _yodel_peers ;;
    echo) _yodel_echo "$given" ;;
    ping) _yodel_ping ;;
    help) [[ $COMP_CWORD -gt 2 ]] || _yodel_words 'listen call peers echo ping' ;;
    esac
}

complete -F _yodel yodel
