# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# How run and test build. Sourced by both, which set $here to the folder of the sources.
# All of it is said on standard error, and nothing when there is nothing to do.
: "${here:?}"

# What a build folder needs before ninja: build_need FOLDER 'MESON OPTIONS' prints setup,
# wipe or nothing. No options means: whichever it has.
build_need() {
    if [ ! -f "$1/build.ninja" ]; then
        echo setup
        return
    fi
    had_sources=$here
    had_options=
    [ ! -f "$1/.setup" ] || { read -r had_options && read -r had_sources; } <"$1/.setup"
    # A build folder knows its sources by their full path. Other options can mean that something has
    # been installed since, and meson remembers what it did not find.
    if [ "$had_sources" != "$here" ] || { [ -n "$2" ] && [ "$had_options" != "$2" ]; }; then
        echo wipe
    else
        echo nothing
    fi
}

# Bring targets up to date: build_targets FOLDER 'MESON OPTIONS' [TARGET...] Of several that try at
# once, one works and the others wait.
build_targets() (
    folder=$here/$1
    options=$2
    shift 2
    if [ "$(build_need "$folder" "$options")" = nothing ]; then
        case $(ninja -C "$folder" -n "$@" 2>&1) in
        *'no work to do'*) return ;;
        esac
    fi
    mkdir -p "$folder" && exec 9>"$folder/.lock" && flock 9 || return
    need=$(build_need "$folder" "$options")
    if [ "$need" != nothing ]; then
        flag=
        [ "$need" = setup ] || flag=--$need
        # Debian's own meson runs Debian's python, whichever python comes first in PATH.
        # shellcheck disable=SC2086
        /usr/bin/meson setup $flag $options "$folder" "$here" >&2 </dev/null 9>&- || return
        printf '%s\n' "$options" "$here" >"$folder/.setup"
    fi
    ninja -C "$folder" "$@" >&2 </dev/null 9>&- || return
    # For editors and language servers.
    [ "$folder" != "$here/build" ] || [ -e "$here/compile_commands.json" ] ||
        ln -sf build/compile_commands.json "$here/compile_commands.json"
)
