# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# How run and test build. Sourced by both, which set $here to the folder of the sources.
# All of it is said on standard error, and nothing when there is nothing to do.

# Set a build folder up if that has not been done. Takes its name and meson's options.
build_setup() {
    folder=$here/$1
    shift
    wipe=
    if [ -f "$folder/build.ninja" ]; then
        # A build folder knows its sources by their full path: start over where they have moved.
        [ -f "$folder/.sources" ] && [ "$(cat "$folder/.sources")" != "$here" ] || return 0
        wipe=--wipe
    fi
    # Debian's own meson runs Debian's python, whichever python comes first in PATH.
    # shellcheck disable=SC2086
    /usr/bin/meson setup $wipe "$@" "$folder" "$here" >&2 </dev/null || return
    printf '%s\n' "$here" >"$folder/.sources"
}

# Whether ninja has nothing to do for the targets.
build_current() {
    folder=$here/$1
    shift
    [ -f "$folder/build.ninja" ] || return
    [ ! -f "$folder/.sources" ] || [ "$(cat "$folder/.sources")" = "$here" ] || return
    case $(ninja -C "$folder" -n "$@" 2>&1) in
    *'no work to do'*) ;;
    *) return 1 ;;
    esac
}

# Bring the targets of a build folder up to date: build_targets FOLDER 'MESON OPTIONS' [TARGET...]
# Of several that try at once, one works and the others wait.
build_targets() {
    name=$1
    options=$2
    shift 2
    build_current "$name" "$@" && return
    mkdir -p "$here/$name" || return
    (
        flock 9
        # shellcheck disable=SC2086
        build_setup "$name" $options && ninja -C "$here/$name" "$@" >&2 </dev/null
    ) 9>"$here/$name/.lock" || return
    # For editors and language servers.
    [ "$name" != build ] || [ -e "$here/compile_commands.json" ] ||
        ln -sf build/compile_commands.json "$here/compile_commands.json"
}
